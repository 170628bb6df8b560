"""Runs a program with a limit of time and keeps what it says, and what memory it takes."""
import os
import signal
import subprocess
import threading
import time

# What a program may take to end by itself after it was asked to.
GRACE_S = 20.0
POLL_S = 0.1


class Done:
    """How a program ended."""

    def __init__(self, code, seconds, out, err, stopped, peak_bytes, device_mib):
        self.code = code
        self.seconds = seconds
        self.out = out
        self.err = err
        self.stopped = stopped  # by its limit or by `enough`: "limit", "enough" or None
        self.peak_bytes = peak_bytes  # the most main memory that it took
        self.device_mib = device_mib  # how much the card's memory in use rose, if there is a card

    @property
    def ok(self):
        return self.code == 0 and self.stopped is None

    def why(self):
        """Why it did not end well, in one line."""
        if self.stopped == "limit":
            return f"did not end within {self.seconds:.0f} s"
        lines = [line for line in (self.err + "\n" + self.out).splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("fpo: ", "error: "))]
        said = (telling[:1] or lines[-1:] or ["said nothing"])[0].strip()
        return f"ended with status {self.code}: {said}"


def device_memory(card):
    """MiB of a card's memory in use, or None."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits",
               "-i", str(card)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5)
        return float(done.stdout.splitlines()[0])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return None


def run(command, log, limit_s, environment, folder, enough=None, interrupt=False,
        card=None):
    """Runs `command` in `folder` for at most `limit_s` seconds; its output goes to files beside
    `log`. `enough()` is asked all the time and ends the program as soon as it is true. With
    `interrupt` the program is first asked to end by SIGINT. Of `card`, the number of a card, the
    memory in use is watched."""
    began = time.monotonic()
    before = None if card is None else device_memory(card)
    device_peak = before
    out_path, err_path = log + ".out.txt", log + ".err.txt"
    with open(out_path, "wb") as out, open(err_path, "wb") as err:
        out.write(("$ " + " ".join(command) + "\n").encode())
        out.flush()
        try:
            process = subprocess.Popen(command, stdout=out, stderr=err, cwd=folder,
                                       env=environment, start_new_session=True)
        except OSError as error:
            return Done(127, 0.0, "", str(error), None, None, None)
        ended = {}

        def wait():
            _, status, usage = os.wait4(process.pid, 0)
            ended["code"] = -os.WTERMSIG(status) if os.WIFSIGNALED(status) \
                else os.WEXITSTATUS(status)
            ended["peak"] = usage.ru_maxrss * 1024

        waiter = threading.Thread(target=wait, daemon=True)
        waiter.start()
        stopped = None
        polls = 0
        while waiter.is_alive():
            waiter.join(POLL_S)
            polls += 1
            if before is not None and polls % 5 == 0:
                device_peak = max(device_peak, device_memory(card) or 0.0)
            if enough is not None and enough():
                stopped = "enough"
            elif time.monotonic() - began > limit_s:
                stopped = "limit"
            if stopped and waiter.is_alive():
                end(process.pid, waiter, interrupt)
                break
        waiter.join(GRACE_S)
    with open(out_path, encoding="utf-8", errors="replace") as file:
        text = file.read().split("\n", 1)[1]
    with open(err_path, encoding="utf-8", errors="replace") as file:
        errors = file.read()
    risen = None if before is None else device_peak - before
    return Done(ended.get("code", -9), time.monotonic() - began, text, errors, stopped,
                ended.get("peak"), risen)


def end(pid, waiter, interrupt):
    """Ends a program and all that it started."""
    for number, patience in ([(signal.SIGINT, GRACE_S)] if interrupt else []) + \
            [(signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)]:
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return
        waiter.join(patience)
        if not waiter.is_alive():
            return
