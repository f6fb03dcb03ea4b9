// The languages of functions, as the API describes them: title, file extensions, least memory, what a new one begins
// with. The build leaves nothing else of the description in the page.

import description from '../../openapi.json' with { type: 'json' };

export const LANGUAGES = description.components.schemas.Language['x-languages'];

/** For a Select. */
export const LANGUAGE_OPTIONS = Object.entries(LANGUAGES).map(([name, { title }]) => [name, title]);

export const languageOfFile = (file) => {
  const extension = file.split('.').pop().toLowerCase();
  return Object.keys(LANGUAGES).find((name) => LANGUAGES[name].extensions.includes(extension));
};
