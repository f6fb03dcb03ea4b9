// GET /api/metrics/summary as the list of functions needs it.

export function summaryByFunction({ items = [] }) {
  return new Map(items.map((one) => [one.function_id, {
    requests: one.requests,
    errorRate: one.error_rate,
    p95: one.total_ms?.p95 ?? null,
    last: one.last,
    spark: one.sparkline?.requests ?? [],
  }]));
}
