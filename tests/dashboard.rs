//! Tests of the live dashboard on a real terminal: a pseudo-terminal whose other end is read by an
//! emulator, so that what a person would see is known at every moment.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{fail, fpo, metrics, small_config, succeed};
use fpo_cli::terminal::screen::Screen;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};
use tempfile::{TempDir, tempdir};
use vt100::Parser;

const TASK: &str = "GridWorld/two_walls";
/// Steps that no test waits for.
const ENDLESS: &str = "train.total_steps=100000000";
/// A rate with which a run does not diverge before a test is done with it.
const STEADY: &str = "optimizer.learning_rate=1e-8";

/// A program on a terminal of its own, and what is on its screen.
struct Terminal {
    keyboard: File,
    /// The program's end, held so that the terminal's modes can be asked for afterwards.
    end: File,
    screen: Arc<Mutex<Parser>>,
    reader: JoinHandle<()>,
    child: Child,
    modes: String,
}

/// Shows what comes out of a terminal until it ends or nobody but this function looks at it.
fn show(mut output: File, seen: &Arc<Mutex<Parser>>) {
    let mut bytes = [0; 4096];
    let moment = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    while Arc::strong_count(seen) > 1 {
        match poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&moment)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        let Ok(count @ 1..) = output.read(&mut bytes) else { return };
        seen.lock().unwrap().process(&bytes[..count]);
    }
}

impl Terminal {
    /// Runs a program on a terminal of this many columns and rows, in its foreground.
    fn run(program: &Path, folder: &Path, args: &[&str], (columns, rows): (u16, u16)) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        // A program that held this end itself would never lose its terminal.
        fcntl_setfd(&master, FdFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let end = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        resize(&master, (columns, rows));
        let modes = format!("{:?}", tcgetattr(&end).unwrap());
        let stdio = || end.try_clone().unwrap();
        // The program leads a session that has the terminal, as one that a shell starts, and
        // obeys its signals even where whoever runs the tests ignores them, as nohup does.
        let child = Command::new("env")
            .args(["--default-signal", "setsid", "--ctty", "--wait"])
            .arg(program)
            .args(args)
            .current_dir(folder)
            .env("TERM", "xterm-256color")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .unwrap();
        let keyboard = File::from(master);
        let screen = Arc::new(Mutex::new(Parser::new(rows, columns, 500)));
        let (output, seen) = (keyboard.try_clone().unwrap(), screen.clone());
        let reader = std::thread::spawn(move || show(output, &seen));
        Terminal { keyboard, reader, end, screen, child, modes }
    }

    fn fpo(folder: &Path, args: &[&str], size: (u16, u16)) -> Terminal {
        Terminal::run(Path::new(env!("CARGO_BIN_EXE_fpo")), folder, args, size)
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Takes the terminal away, as a closed window does. Returns the program.
    fn hangs_up(self) -> Child {
        drop((self.keyboard, self.screen));
        self.reader.join().unwrap();
        self.child
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until what is on the screen satisfies `is_so`.
    fn wait(&self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let start = Instant::now();
        while !is_so(self.screen.lock().unwrap().screen()) {
            let seen = || self.screen.lock().unwrap().screen().contents();
            assert!(start.elapsed() < Duration::from_secs(120), "never {what}:\n{}", seen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the dashboard is shown and has this text.
    fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.alternate_screen() && screen.contents().contains(text));
    }

    /// Waits for the end of the program. Asserts that the terminal is as it was before, and that
    /// the usual screen has these texts.
    fn ends_whole(mut self, texts: &[&str]) -> ExitStatus {
        let status = self.child.wait().unwrap();
        self.wait("the usual screen", |screen| !screen.alternate_screen());
        for text in texts {
            self.wait(text, |screen| !screen.alternate_screen() && history(screen).contains(text));
        }
        let screen = self.screen.lock().unwrap();
        assert!(!screen.screen().alternate_screen() && !screen.screen().hide_cursor());
        assert_eq!(format!("{:?}", tcgetattr(&self.end).unwrap()), self.modes);
        status
    }
}

/// Returns what is on the screen, rows that are too long for it joined.
fn history(screen: &vt100::Screen) -> String {
    screen.contents().replace('\n', " ")
}

fn resize(end: &OwnedFd, (columns, rows): (u16, u16)) {
    let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(end, size).unwrap();
}

/// A folder with the configuration of a small run, by its path.
fn prepared() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    (dir, config)
}

/// Starts an endless run in the folder `run`.
fn endless(size: (u16, u16)) -> (TempDir, Terminal) {
    let (dir, config) = prepared();
    let config = config.to_str().unwrap();
    let args = ["train", config, "--out", "run", "--set", ENDLESS, "--set", STEADY];
    let terminal = Terminal::fpo(dir.path(), &args, size);
    (dir, terminal)
}

#[test]
fn keys_are_obeyed_and_leave_no_trace_in_the_run() {
    let (dir, config) = prepared();
    let config = config.to_str().unwrap();
    // Long enough for keys to be read on a machine that does much else.
    let args = ["train", config, "--set", "train.total_steps=100000", "--set", STEADY];
    succeed(dir.path(), &[&args[..], &["--out", "plain"]].concat());
    let mut terminal =
        Terminal::fpo(dir.path(), &[&args[..], &["--out", "seen"]].concat(), (110, 30));
    terminal.press("es");
    terminal.wait_for("running · ");
    terminal.press("5");
    terminal.press("?");
    let status =
        terminal.ends_whole(&["as was wished for", "finished in", "play it: fpo eval seen"]);
    assert!(status.success());
    let timeless = |run: &str| {
        let mut rows = metrics(&dir.path().join(run));
        rows.iter_mut().for_each(|row| row.retain(|key, _| !key.starts_with("time/")));
        rows
    };
    assert_eq!(timeless("seen"), timeless("plain"));
    let policy = |run: &str| fs::read(dir.path().join(run).join("policy.safetensors")).unwrap();
    assert!(policy("seen") == policy("plain"));
}

#[test]
fn the_panels_the_help_and_a_wished_checkpoint_are_shown() {
    let (dir, mut terminal) = endless((110, 34));
    terminal.wait_for("return training");
    terminal.press("3");
    terminal.wait_for("clip fraction");
    terminal.press("\t");
    terminal.wait_for("steps/s");
    terminal.press("?");
    terminal.wait_for("Ctrl-C does the same");
    terminal.press("?s5");
    terminal.wait_for("saved, as was wished for");
    assert!(fs::read_dir(dir.path().join("run/checkpoints")).unwrap().count() > 0);
    terminal.press("q");
    let status = terminal.ends_whole(&["stopping;", "go on with: fpo train --resume run"]);
    assert_eq!(status.code(), Some(130));
}

#[test]
fn a_resumed_run_shows_the_curve_from_its_beginning() {
    let (dir, mut terminal) = endless((110, 34));
    terminal.wait_for("return training");
    terminal.press("q");
    terminal.ends_whole(&["stopped and saved"]);
    let rows = metrics(&dir.path().join("run")).len();
    assert!(rows > 0);
    let mut terminal = Terminal::fpo(dir.path(), &["train", "--resume", "run"], (110, 34));
    terminal.wait_for("best");
    terminal.press("\u{3}");
    let status = terminal.ends_whole(&["continued at step", "stopped and saved"]);
    assert_eq!(status.code(), Some(130));
}

#[test]
fn a_resized_window_is_followed() {
    let (_dir, mut terminal) = endless((110, 34));
    terminal.wait_for("time of an iteration");
    terminal.screen.lock().unwrap().screen_mut().set_size(16, 60);
    resize(&terminal.keyboard.try_clone().unwrap().into(), (60, 16));
    // The small frame has the names of other panels no longer.
    terminal.wait("a small frame", |screen| {
        let text = screen.contents();
        text.contains("1 overview  2  3  4  5") && !text.contains("time of an iteration")
    });
    terminal.press("q");
    terminal.ends_whole(&["stopped and saved"]);
}

#[test]
fn the_terminal_is_whole_while_the_run_is_suspended() {
    let (_dir, mut terminal) = endless((110, 34));
    terminal.wait_for("running · ");
    terminal.send(Signal::TSTP);
    terminal.wait("the usual screen", |screen| !screen.alternate_screen());
    terminal.wait("the story so far", |screen| history(screen).contains("run: run"));
    let stat = format!("/proc/{}/stat", terminal.child.id());
    let is_stopped = || fs::read_to_string(&stat).unwrap_or(") T ".into()).contains(") T ");
    terminal.wait("stopped", |_| is_stopped());
    assert_eq!(format!("{:?}", tcgetattr(&terminal.end).unwrap()), terminal.modes);
    terminal.send(Signal::CONT);
    terminal.wait_for("running · ");
    terminal.press("q");
    terminal.ends_whole(&["stopped and saved"]);
}

#[test]
fn a_run_whose_terminal_goes_away_is_saved_and_ends() {
    let (dir, terminal) = endless((100, 30));
    terminal.wait_for("step");
    let mut program = terminal.hangs_up();
    let start = Instant::now();
    while program.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(120), "the run does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    succeed(dir.path(), &["verify", "run"]);
    assert!(fs::read_dir(dir.path().join("run/checkpoints")).unwrap().next().is_some());
}

#[test]
fn the_terminal_is_whole_after_signals_that_kill() {
    for signal in [Signal::QUIT, Signal::USR2, Signal::ALARM, Signal::XCPU] {
        let (_dir, terminal) = endless((80, 24));
        terminal.wait_for("running · ");
        terminal.send(signal);
        let status = terminal.ends_whole(&["run: run"]);
        assert!(!status.success());
    }
}

#[test]
fn the_terminal_is_whole_after_leaving_at_once() {
    let (_dir, terminal) = endless((80, 24));
    terminal.wait_for("running · ");
    terminal.send(Signal::TERM);
    terminal.send(Signal::TERM);
    // Whichever comes first: both are right, for the run may stop before the second arrives.
    let status = terminal.ends_whole(&["go on with: fpo train --resume run"]);
    assert_eq!(status.code(), Some(130));
}

/// Not a test, but the program of the next one.
#[test]
#[ignore = "it panics, which is what another test looks at"]
fn panics_on_an_open_screen() {
    let _screen = Screen::open((60, 16)).expect("a terminal");
    panic!("this is what went wrong");
}

#[test]
fn the_terminal_is_whole_after_a_panic_and_the_message_is_there() {
    let dir = tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let args = ["--exact", "panics_on_an_open_screen", "--ignored", "--nocapture"];
    let terminal = Terminal::run(&program, dir.path(), &args, (100, 40));
    let status = terminal.ends_whole(&["this is what went wrong"]);
    assert!(!status.success());
}

#[test]
fn plain_lines_are_printed_where_a_dashboard_is_not_wanted_or_does_not_fit() {
    let (dir, config) = prepared();
    let config = config.to_str().unwrap();
    for (out, size, flags) in [
        ("small", (59, 24), &[][..]),
        ("low", (100, 15), &[]),
        ("plain", (100, 30), &["--plain"]),
        ("eof", (100, 30), &["--stop-at-eof"]),
    ] {
        let args = [&["train", config, "--out", out], flags].concat();
        let terminal = Terminal::fpo(dir.path(), &args, size);
        terminal.wait("a plain line", |screen| {
            assert!(!screen.alternate_screen(), "{out}");
            history(screen).contains("finished in")
        });
        assert!(terminal.ends_whole(&[]).success());
    }
}

#[test]
fn a_run_is_watched_while_it_goes_on_and_afterwards() {
    let (dir, mut run) = endless((110, 34));
    run.wait_for("return training");
    let mut watcher = Terminal::fpo(dir.path(), &["watch", "run"], (110, 34));
    watcher.wait_for("running · ");
    watcher.wait_for("q leave");
    run.press("q");
    run.ends_whole(&["stopped and saved"]);
    watcher.wait_for("stopped · ");
    watcher.press("q");
    assert!(watcher.ends_whole(&[]).success());
    // It was the run of another process, and stays one that can be resumed.
    let text = succeed(dir.path(), &["watch", "run", "--panel", "updates"]);
    assert!(text.starts_with("stopped · fpo on GridWorld/two_walls · seed "), "{text}");
    assert!(text.contains("clip fraction") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_finished_run_is_told_from_its_files_and_a_folder_that_is_none_is_refused() {
    let (dir, config) = prepared();
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let output = fpo(dir.path()).args(["watch", "run", "--once"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("finished · ") && text.contains("100 % "), "{text}");
    assert!(text.contains("return"), "{text}");
    fail(dir.path(), &["watch", "nowhere"], 1, &["nowhere is not a run: it has no config.toml"]);
    fs::write(dir.path().join("run/config.toml"), "[env]\ntask = 3\n").unwrap();
    fail(dir.path(), &["watch", "run"], 2, &["run/config.toml", "env.task"]);
    fail(dir.path(), &["watch", "run", "--panel", "x"], 2, &["overview", "messages"]);
}
