// What a function finds around it: no network, nothing to write but /tmp, no rights, nobody else.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { RUNTIMES, target } from './attacks.mjs';

let t;
before(async () => { t = await target(); });

// Looks around and tells; the assertions are one test each.
const PROBE = `
import ctypes, errno, os, resource, socket, stat

def attempt(action):
    try:
        return ["ok", repr(action())[:200]]
    except BaseException as error:
        return ["refused", type(error).__name__, errno.errorcode.get(getattr(error, "errno", None) or 0)]

def status_fields():
    return dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)

def connect(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(0.5)
        s.connect(address)

def write(path):
    with open(path, "w") as f:
        f.write("1")

def directories():
    for top, names, _ in os.walk("/"):
        names[:] = [n for n in names if os.path.join(top, n) not in ("/proc", "/sys/kernel") and not os.path.islink(os.path.join(top, n))]
        yield top

def create_in(top):
    path = os.path.join(top, ".attack")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        os.unlink(path)
        return True
    except OSError:
        return False

def sockets():
    found = []
    for top, names, files in os.walk("/"):
        names[:] = [n for n in names if os.path.join(top, n) not in ("/proc", "/sys")]
        for name in files:
            path = os.path.join(top, name)
            try:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    found.append(path)
            except OSError:
                pass
    return found

def use_device():
    os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
    with open("/tmp/disk", "rb") as f:
        f.read(1)

def run_from_tmp():
    with open("/tmp/program", "w") as f:
        f.write("#!/bin/sh\\nexit 0\\n")
    os.chmod("/tmp/program", 0o755)
    os.execv("/tmp/program", ["/tmp/program"])

def handler(port):
    return {
        "status": status_fields(),
        "uid": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()],
        "interfaces": [name for _, name in socket.if_nameindex()],
        "network": {
            "internet": attempt(lambda: connect(("1.1.1.1", 80))),
            "metadata": attempt(lambda: connect(("169.254.169.254", 80))),
            "the stack": attempt(lambda: connect(("127.0.0.1", port))),
            "names": attempt(lambda: socket.getaddrinfo("debian.org", 80)),
        },
        "writable": sorted(top for top in directories() if create_in(top)),
        "become root": attempt(lambda: os.setuid(0)),
        "become group root": attempt(lambda: os.setgid(0)),
        "device": attempt(use_device),
        "chroot": attempt(lambda: os.chroot("/tmp")),
        "run from /tmp": attempt(run_from_tmp),
        "mounts": open("/proc/self/mounts").read().splitlines(),
        "limits": {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in ("NOFILE", "CORE", "FSIZE", "MSGQUEUE")},
        "raise nofile": attempt(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))),
        "environment": sorted(os.environ),
        "processes": {p: open("/proc/" + p + "/cmdline").read().replace("\\0", " ") for p in os.listdir("/proc") if p.isdigit()},
        "listener": attempt(lambda: os.listdir("/run/cloche")),
        "connect to listener": attempt(lambda: connect("/run/cloche/s", socket.AF_UNIX)),
        "write beside listener": attempt(lambda: write("/run/cloche/x")),
        "sockets": sockets(),
        "devices": sorted(os.listdir("/dev")),
        "kernel": {path: attempt(lambda: write(path)) for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
            "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches", "/proc/1/oom_score_adj")},
        "secrets": {path: attempt(lambda: open(path, "rb").read(16)) for path in ("/etc/shadow", "/proc/kcore", "/dev/mem",
            "/dev/kmsg", "/proc/1/mem", "/var/lib/cloche/admin.token", "/var/run/docker.sock")},
        "cgroups": [top for top, _, files in os.walk("/sys/fs/cgroup") if any(os.access(os.path.join(top, f), os.W_OK) for f in files)],
    }
`;

for (const runtime of RUNTIMES) {
  describe(`inside a cell of ${runtime}`, () => {
    let seen;
    before(async () => {
      const { status, output, error } = await t.run(runtime, PROBE, { input: Number(new URL(t.s.url).port), memory_mb: 256 });
      assert.equal(status, 'ok', JSON.stringify(error));
      seen = output;
    });
    const refused = (what, [outcome, ...rest]) => assert.equal(outcome, 'refused', `${what}: ${rest}`);

    test('there is no network', () => {
      assert.ok(seen.interfaces.every((name) => name === 'lo'), `${seen.interfaces}`);
      for (const [what, outcome] of Object.entries(seen.network)) refused(what, outcome);
    });

    test('only /tmp can be written to, and it is small, and nothing runs from it', () => {
      assert.deepEqual(seen.writable, ['/tmp']);
      refused('a program in /tmp', seen['run from /tmp']);
      const tmp = seen.mounts.find((line) => line.split(' ')[1] === '/tmp').split(' ');
      assert.equal(tmp[2], 'tmpfs');
      if (runtime === 'docker') for (const flag of ['noexec', 'nosuid', 'nodev']) assert.ok(tmp[3].split(',').includes(flag), flag);
      const root = seen.mounts.find((line) => line.split(' ')[1] === '/').split(' ');
      assert.ok(root[3].split(',').includes('ro'), root[3]);
    });

    test('it runs as a nobody without rights, and cannot get any', () => {
      const [uid, euid, gid, egid, groups] = seen.uid;
      assert.ok(uid > 1000 && uid === euid, `${uid}`);
      assert.ok(gid > 1000 && gid === egid, `${gid}`);
      assert.ok(groups.every((group) => group === gid), `${groups}`);
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        if (seen.status[set] !== undefined) assert.match(seen.status[set], /^0+$/, set);
      }
      if (runtime === 'docker') {
        assert.equal(seen.status.NoNewPrivs, '1');
        assert.equal(seen.status.Seccomp, '2');
      }
      for (const what of ['become root', 'become group root', 'device', 'chroot', 'raise nofile']) refused(what, seen[what]);
    });

    test('it sees no process but its own', () => {
      for (const [pid, commandLine] of Object.entries(seen.processes)) {
        assert.match(commandLine, /python3|^$/, `${pid}: ${commandLine}`);
      }
      assert.ok(Object.keys(seen.processes).length <= 3, Object.keys(seen.processes).join());
    });

    test('the way it was connected is closed behind it', () => {
      refused('the listener', seen['connect to listener']);
      refused('its directory', seen['write beside listener']);
      if (seen.listener[0] === 'ok') assert.equal(seen.listener[1], '[]');
    });

    test('no socket of Docker or anybody is in reach', () => assert.deepEqual(seen.sockets, []));

    test('its environment tells nothing', () => {
      for (const name of seen.environment) assert.match(name, /^(PATH|LANG|LC_ALL|LC_CTYPE|HOME|TMPDIR|HOSTNAME|PYTHON\w*|TZ|PWD|SHLVL)$/, name);
    });

    test('kernel settings, secrets and control groups are out of reach', () => {
      for (const [path, outcome] of Object.entries({ ...seen.kernel, ...seen.secrets })) {
        // Its own process may set its own score, and only make it worse.
        if (path !== '/proc/1/oom_score_adj') refused(path, outcome);
      }
      assert.deepEqual(seen.cgroups, []);
      // gVisor's own /dev has a fuse and a net of its own making.
      const real = ['mem', 'kmem', 'kmsg', 'kvm', 'vda', 'sda', 'loop0', ...(runtime === 'docker' ? ['fuse', 'net'] : [])];
      assert.deepEqual(real.filter((device) => seen.devices.includes(device)), []);
    });

    test('the limits on files are set', () => {
      const { NOFILE: [soft, hard], CORE: core, FSIZE: fsize } = seen.limits;
      assert.ok(soft <= 1024 && hard <= 1024, `${soft}, ${hard}`);
      assert.deepEqual(core, [0, 0]);
      assert.ok(fsize[1] > 0 && fsize[1] <= 256 * 1024 * 1024, `${fsize}`);
    });
  });
}

describe('between calls', () => {
  const CODE = `
import os, subprocess
def handler(event):
    found = os.listdir("/tmp")
    open("/tmp/left-behind", "w").write("secret")
    if os.fork() == 0:
        os.setsid()
        import time
        time.sleep(1000)
        os._exit(0)
    return [os.getuid(), found, [p for p in os.listdir("/proc") if p.isdigit()]]
`;
  for (const runtime of RUNTIMES) {
    test(`nothing of an earlier call is there, and each has a user of its own: ${runtime}`, async () => {
      const f = await t.s.deploy({ language: 'python', runtime, code: CODE });
      const uids = [];
      for (let i = 0; i < 4; i++) {
        const { status, output: [uid, found, processes], error } = await t.s.execute(f);
        assert.equal(status, 'ok', JSON.stringify(error));
        assert.deepEqual(found, []);
        assert.ok(processes.length <= 3, `${processes}`);
        uids.push(uid);
      }
      assert.equal(new Set(uids).size, uids.length, `${uids}`);
    });
  }

  test('two calls of one function at the same time do not meet', async () => {
    const f = await t.s.deploy({ language: 'python', code: `
import os, socket, time
def handler(name):
    s = socket.socket(socket.AF_UNIX)
    s.bind("\\0meeting-point")
    open("/tmp/" + name, "w").close()
    time.sleep(0.7)
    return [os.getuid(), sorted(os.listdir("/tmp"))]
` });
    const [a, b] = await Promise.all(['a', 'b'].map((input) => t.s.execute(f, { input })));
    assert.deepEqual([a.status, b.status], ['ok', 'ok'], JSON.stringify([a.error, b.error]));
    assert.deepEqual([a.output[1], b.output[1]], [['a'], ['b']]);
    assert.notEqual(a.output[0], b.output[0]);
  });
});
