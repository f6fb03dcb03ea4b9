// Errors as answers: the one place where an error becomes an HTTP status and a problem document
// (RFC 9457).
#ifndef CLOCHE_API_PROBLEM_H
#define CLOCHE_API_PROBLEM_H

#include "base/err.h"
#include "core/json.h"
#include "http/request.h"
#include "http/response.h"
#include "model/invocation.h"

// The HTTP status of an error.
int problem_status(err_code_t code);

// Makes the response the answer to an error. What is an affair of the house is logged, not told. The
// headers that are there stay; `errors` may be NULL. Retry-After of a 429 or 503 is `retry_after_s`, or soon
// where that is 0.
void problem_answer(response_t *response, const request_t *request, const err_t *err,
                    const field_errors_t *errors, int retry_after_s);

// What a route answers when its function gave no answer: the HTTP status, 499 for a caller that left,
// and the document. The caller learns the kind of failure, never its text or stack.
int problem_outcome_status(const invocation_t *record);
void problem_outcome(response_t *response, const request_t *request, const invocation_t *record);

#endif
