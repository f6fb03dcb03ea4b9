// A field whose text counts once typing has come to rest: for filters that are part of the address.

import { useEffect, useRef, useState } from 'preact/hooks';

const REST_MS = 180;

export function Typed({ value = '', onChange, ...rest }) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    if (value === told.current) return;
    told.current = value; // changed from elsewhere
    setText(value);
  }, [value]);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (text === told.current) return;
      told.current = text;
      onChange(text);
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return <input {...rest} value={text} onInput={(event) => setText(event.currentTarget.value)} />;
}
