import { javascript } from '@codemirror/lang-javascript';
import { indentUnit } from '@codemirror/language';

export const language = [javascript(), indentUnit.of('  ')];
