"""The server is killed, and starts again empty: clients come back by themselves."""

import os
import signal
import time

from harness import until
from text import Said, text


def kill():
    """Whoever started the server starts it again as soon as it is gone."""
    with open(os.environ["SERVER_PID_FILE"]) as file:
        os.kill(int(file.read()), signal.SIGKILL)


def client_comes_back(t):
    events, heard = [], []
    client = t.bench.connect(lifecycle_listeners=[events.append], cluster_connect_timeout=-1)
    m = client.get_map(t.unique()).blocking()
    m.add_entry_listener(True, added_func=lambda event: heard.append(text(event.key)))
    m.set("before", "x")
    until(lambda: len(heard) == 1)
    seen = len(events)
    kill()
    until(lambda: "DISCONNECTED" in events[seen:])
    until(lambda: "CONNECTED" in events[seen:])
    lost = m.get("before")
    # The listener is told to the new member in the background.
    for _ in range(100):
        m.delete("after")
        m.set("after", "y")
        time.sleep(0.1)
        if '"after"' in heard:
            break
    told = Said("heard" if '"after"' in heard else "not heard")
    return [lost, m.get("after"), told, events[seen : seen + 2]]


CHECKS = {"restart.client_comes_back": client_comes_back}
