// Writes a date as ISO 8601, as Unix seconds, or the way people of a locale do, in UTC.

const formats = new Map([
  ['iso', (date) => date.toISOString()],
  ['unix', (date) => Math.floor(date.getTime() / 1000)],
  ['locale', toLocale],
]);

function toLocale(date, locale = 'en-US') {
  // ICU puts a narrow no-break space before AM and PM; a plain one is easier to compare.
  return date.toLocaleString(locale, { timeZone: 'UTC' }).replaceAll('\u202f', ' ');
}

exports.handler = async (event) => {
  const date = new Date(event.date);
  if (Number.isNaN(date.getTime())) throw new RangeError(`not a date: ${event.date}`);

  const format = formats.get(event.format);
  if (!format) {
    throw new TypeError(`format must be one of: ${[...formats.keys()].join(', ')}`);
  }
  return format(date, event.locale);
};
