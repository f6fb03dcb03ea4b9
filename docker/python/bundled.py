# Stands before runner.py in what bundle.py makes, and gives the runner its modules: MODULES has their code, EXTENSIONS
# the files of those that are no Python.

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader
from marshal import loads


class Bundle:
    def __init__(self, modules, extensions):
        self._modules, self._extensions = loads(modules), extensions

    def find_spec(self, name, _path=None, _target=None):
        if name in self._extensions:
            origin = self._extensions[name]
            spec = ModuleSpec(name, ExtensionFileLoader(name, origin), origin=origin)
        elif name in self._modules:
            origin = self._modules[name].co_filename
            spec = ModuleSpec(name, self, origin=origin, is_package=origin.endswith("__init__.py"))
            if spec.submodule_search_locations is not None:
                spec.submodule_search_locations.append(origin.rpartition("/")[0])
        else:
            return None
        spec.has_location = True
        return spec

    def create_module(self, _spec):
        return None

    def exec_module(self, module):
        exec(self._modules[module.__name__], vars(module))


bundle = Bundle(MODULES, EXTENSIONS)
sys.meta_path.insert(0, bundle)
del MODULES, EXTENSIONS
