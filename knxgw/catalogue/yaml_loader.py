"""The one YAML loader of this program."""

import yaml

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is six times as fast
