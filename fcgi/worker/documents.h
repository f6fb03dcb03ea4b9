// Documents that are read once at the start and answered as they are.
#ifndef CLOCHE_WORKER_DOCUMENTS_H
#define CLOCHE_WORKER_DOCUMENTS_H

#include "base/err.h"

// The JSON file as text, for the caller to free. A file that is not there leaves NULL.
int documents_file(const char *path, char **out, err_t *err) MUSTCHECK;

// The examples of a folder, {"items": [...], "next": null}: each *.json with the code it names in
// `file` added as `code`, sorted by `order`. For the caller to free.
int documents_examples(const char *folder, char **out, err_t *err) MUSTCHECK;

#endif
