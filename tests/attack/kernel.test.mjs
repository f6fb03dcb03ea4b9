// Under runc a function speaks to the host's kernel: all of it that a function does not need is closed.

import assert from 'node:assert/strict';
import { arch } from 'node:os';
import { before, describe, test } from 'node:test';
import { target } from './attacks.mjs';

let t;
before(async () => { t = await target(); });

const REFUSED = ['EPERM', 'EACCES', 'ENOSYS', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT'];

// name: number on x86-64 and arguments that a kernel without a filter would answer with something else than a
// refusal, or with success.
const SYSCALLS = {
  acct: [163, 0], add_key: [248, 0, 0, 0, 0, 0], bpf: [321, 0, 0, 0], chroot: [161, 0],
  'clone into a user namespace': [56, 0x10000000 | 17, 0, 0, 0, 0], clock_settime: [227, 0, 0], clone3: [435, 0, 0],
  delete_module: [176, 0, 0], fanotify_init: [300, 0, 0], finit_module: [313, -1, 0, 0], fsconfig: [431, -1, 0, 0, 0, 0],
  fsmount: [432, -1, 0, 0], fsopen: [430, 0, 0], fspick: [433, -1, 0, 0], get_mempolicy: [239, 0, 0, 0, 0, 8],
  init_module: [175, 0, 0, 0], io_uring_setup: [425, 1, 0], io_uring_enter: [426, -1, 0, 0, 0, 0, 0],
  io_uring_register: [427, -1, 0, 0, 0], ioperm: [173, 0, 1, 1], iopl: [172, 3], kcmp: [312, 1, 1, 0, 0, 0],
  kexec_load: [246, 0, 0, 0, 0], keyctl: [250, 0, -3, 0], lookup_dcookie: [212, 0, 0, 0], mbind: [237, 0, 0, 0, 0, 0, 0],
  mount: [165, 0, 0, 0, 0, 0], move_mount: [429, -1, 0, -1, 0, 0], move_pages: [279, 0, 0, 0, 0, 0, 0],
  name_to_handle_at: [303, -1, 0, 0, 0, 0], open_by_handle_at: [304, -1, 0, 0], open_tree: [428, -1, 0, 0],
  perf_event_open: [298, 0, 0, -1, -1, 0], pivot_root: [155, 0, 0], process_vm_readv: [310, 1, 0, 0, 0, 0, 0],
  process_vm_writev: [311, 1, 0, 0, 0, 0, 0], ptrace: [101, 16, 1, 0, 0], quotactl: [179, 0, 0, 0, 0], reboot: [169, 0, 0, 0],
  request_key: [249, 0, 0, 0, 0], setns: [308, -1, 0], sethostname: [170, 0, 0], settimeofday: [164, 0, 0],
  swapon: [167, 0, 0], swapoff: [168, 0], syslog: [103, 3, 0, 0], umount2: [166, 0, 0], unshare: [272, 0x10000000],
  'unshare of the mount namespace': [272, 0x00020000], userfaultfd: [323, 0], 'personality of another system': [135, 0x0400000],
};

const SOCKETS = {
  AF_PACKET: [17, 3], AF_VSOCK: [40, 1], AF_ALG: [38, 5], AF_BLUETOOTH: [31, 3], AF_TIPC: [30, 1], AF_RDS: [21, 5], AF_CAN: [29, 3],
  AF_KEY: [15, 3], AF_X25: [9, 5], AF_NFC: [39, 5], AF_XDP: [44, 3], 'raw IPv4': [2, 3], 'raw IPv6': [10, 3],
};

const CODE = `
import ctypes, errno, json
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def outcome(result):
    return "success" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")

def syscall(numbers):
    ctypes.set_errno(0)
    return outcome(libc.syscall(*(ctypes.c_long(n) for n in numbers)))

def socket(numbers):
    ctypes.set_errno(0)
    return outcome(libc.socket(numbers[0], numbers[1], 0))

def handler(event):
    return {"syscalls": {name: syscall(numbers) for name, numbers in event["syscalls"].items()},
            "sockets": {name: socket(numbers) for name, numbers in event["sockets"].items()}}
`;

describe('the kernel under runc', { skip: arch() === 'x64' ? false : 'numbers of x86-64' }, () => {
  let seen;
  before(async () => {
    const { status, output, error } = await t.run('docker', CODE, { input: { syscalls: SYSCALLS, sockets: SOCKETS } });
    assert.equal(status, 'ok', JSON.stringify(error));
    seen = output;
  });

  for (const name of Object.keys(SYSCALLS)) {
    test(`${name} is refused`, () => assert.ok(REFUSED.includes(seen.syscalls[name]), seen.syscalls[name]));
  }
  for (const name of Object.keys(SOCKETS)) {
    test(`a socket of ${name} is refused`, () => assert.ok(REFUSED.includes(seen.sockets[name]), seen.sockets[name]));
  }
});
