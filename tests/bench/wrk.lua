-- What wrk measured, as one line of JSON. Latencies in microseconds.
done = function(summary, latency)
    local e = summary.errors
    io.write(string.format(
        'RESULT {"requests":%d,"duration":%d,"p50":%.0f,"p99":%.0f,"refused":%d,"broken":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        e.status, e.connect + e.read + e.write + e.timeout))
end
