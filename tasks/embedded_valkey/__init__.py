"""The embedded Valkey: a real server with its data in the state directory, without REDIS_URL.

`curator up` owns it, restarts it whenever it ends or hangs, and ends it last. Other processes with
the same state directory find it by its URL.
"""

from tasks.embedded_valkey.owner import embedded_valkey
from tasks.embedded_valkey.server import CONFIG, EmbeddedValkey, configuration
from tasks.embedded_valkey.state_dir import embedded_valkey_url

__all__ = ["CONFIG", "EmbeddedValkey", "configuration", "embedded_valkey", "embedded_valkey_url"]
