"""Our side as a process that is asked line by line, and the same clocks for the other side."""
import subprocess
import sys
import time


class Ours:
    def __init__(self, command, threads):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.ask("threads", threads)

    def ask(self, *words):
        """((seconds, processor seconds), value)."""
        self.process.stdin.write("\t".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{words}: no answer")
        wall, cpu, value = line.split()
        return (float(wall), float(cpu)), float(value)


def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    value = work()
    return (time.perf_counter() - wall, time.process_time() - cpu), value
