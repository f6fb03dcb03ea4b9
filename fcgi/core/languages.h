// The languages that functions are written in, one row each. Besides its row a language has a folder docker/<name>/
// and an entry in html/openapi.json; docs/adding-a-language.md says what is in them.
#ifndef CLOCHE_CORE_LANGUAGES_H
#define CLOCHE_CORE_LANGUAGES_H

// constant, name, memory in MB: the least of a function (docker, gvisor), and what a cell is made with before it is
// known for which function (docker, gvisor). Measured: the interpreter starts, and a small function has room;
// under gVisor the sandbox itself is counted.
#define LANGUAGES(X)                         \
    X(LANG_PYTHON, "python", 32, 64, 32, 48) \
    X(LANG_JAVASCRIPT, "javascript", 64, 128, 64, 96)

typedef enum {
#define X(constant, ...) constant,
    LANGUAGES(X)
#undef X
        LANG_COUNT
} language_t;

#endif
