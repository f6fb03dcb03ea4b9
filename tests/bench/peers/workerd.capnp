# The same greeting as a worker of workerd; the address comes from its command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "hello", worker = (
    modules = [(name = "worker.mjs", esModule =
      "export default { fetch() { return new Response('Hello, World!'); } };")],
    compatibilityDate = "2024-01-01",
  ))],
  sockets = [(name = "http", address = "*:0", http = (), service = "hello")],
);
