// The `context` a handler gets, under Cloche's names and AWS Lambda's.
'use strict';

class Context {
  #expires;

  constructor(init, head, body, received) {
    const { id, name, version, memory_mb: memory } = init.function;
    this.requestId = this.awsRequestId = head.request_id;
    this.functionId = id;
    this.functionName = name;
    this.functionVersion = version;
    this.memoryLimitInMb = this.memoryLimitInMB = memory;
    this.invokedFunctionArn = `cloche:function:${name}:${version}`;
    this.logGroupName = `/cloche/${name}`;
    this.logStreamName = head.request_id;
    this.callbackWaitsForEmptyEventLoop = false;
    this.deadlineMs = head.deadline_ms;
    this.args = head.args ?? [];
    this.env = { ...init.env };
    this.runtime = init.runtime;
    if (head.request) this.request = { ...head.request, body };
    this.#expires = received + head.timeout_ms;
  }

  /** Milliseconds left before the call is ended; the wall clock has no say in it. */
  getRemainingTimeInMillis = () => Math.max(0, Math.floor(this.#expires - performance.now()));
}

module.exports = { Context };
