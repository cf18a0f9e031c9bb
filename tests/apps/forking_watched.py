"""python forking_watched.py - installs on a running loop, forks, closes, and says each time whether a watcher runs."""

import asyncio
import os
import sys
import threading
import warnings

import bokeh_exporter

warnings.simplefilter("ignore")  # the fork of a process with threads is the subject


def say(where: str) -> None:
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("bokeh-exporter")]
    sys.stdout.write(f"{where}: {sorted(names)}\n")
    sys.stdout.flush()


async def main() -> None:
    with bokeh_exporter.install():
        say("installed")
        child = os.fork()
        if child == 0:
            say("forked")
            os._exit(0)
        os.waitpid(child, 0)
    say("closed")


asyncio.run(main())
