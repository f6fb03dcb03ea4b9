// Never returns. Its timeout of one second ends it, and the caller is answered 504.

exports.handler = () => {
  for (;;);
};
