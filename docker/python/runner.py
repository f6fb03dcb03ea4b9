"""The Python side of a cell: says HELLO, takes one INIT, then answers INVOKEs until control closes.

The real work is in the package next to this file. In an image, bundle.py has made one compiled file of both.
"""

import sys

sys.path.insert(0, __file__.rpartition("/")[0])
from cellrunner.wire import Control  # noqa: E402

control = Control(3)
control.hello()

# What the first requests need is loaded while HELLO is on its way.
import builtins  # noqa: E402
from _sitebuiltins import Quitter, _Helper  # noqa: E402

from cellrunner import serve  # noqa: E402

# Of the module site, which is left out of the start: packages of the image, and what scripts end with.
sys.path += ["/usr/local/lib/python3.%d/dist-packages" % sys.version_info.minor, "/usr/lib/python3/dist-packages"]
for name in ("exit", "quit"):
    setattr(builtins, name, Quitter(name, "Ctrl-D (i.e. EOF)"))
builtins.help = _Helper()

del sys.path[0], name
# What came along in the same file is loaded; a function's imports are none of its business.
if "bundle" in globals():
    sys.meta_path.remove(globals().pop("bundle"))
serve.serve(control)
