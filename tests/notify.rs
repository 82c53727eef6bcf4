//! What a service manager hears: the datagrams of a child process that believes it runs under systemd.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use portside::clock::Clock;
use portside::notify::{self, Progress};

struct Manager {
    socket: UnixDatagram,
    child: Child,
    orders: ChildStdin,
    _folder: tempfile::TempDir,
}

impl Manager {
    /// Starts `child` of this file as a service with a watchdog.
    fn start(child: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        // Only so that a daemon that never speaks fails the test instead of stopping it.
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child, "--ignored", "--nocapture"])
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "250000")
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        Self { socket, child, orders, _folder: folder }
    }

    fn hear(&self) -> String {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).expect("the child said nothing for a minute");
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// Everything up to and with the first message that contains `word`.
    fn hear_until(&self, word: &str) -> Vec<String> {
        let mut heard = vec![self.hear()];
        while !heard.last().unwrap().contains(word) {
            heard.push(self.hear());
        }
        heard
    }

    fn order(&mut self, word: &str) {
        writeln!(self.orders, "{word}").unwrap();
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_life_is_told_in_systemds_words() {
    let manager = Manager::start("the_child_tells_its_life");

    assert_eq!(manager.hear(), "READY=1\nSTATUS=lane G03 open, MAINPID=1 is only text\n");
    let reloading = manager.hear();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(manager.hear(), "READY=1\nSTATUS=lane file kept: line 7 is wrong\n");
    assert_eq!(manager.hear(), "STOPPING=1\nSTATUS=closing the lane\n");
}

#[test]
#[ignore = "started by a_life_is_told_in_systemds_words"]
fn the_child_tells_its_life() {
    notify::ready("lane G03 open,\nMAINPID=1 is only text");
    notify::reloading();
    notify::ready("lane file kept: line 7 is wrong");
    notify::stopping("closing the lane");
}

#[test]
fn the_watchdog_is_fed_while_work_is_done_and_not_while_a_task_is_stuck() {
    let mut manager = Manager::start("the_child_works_and_gets_stuck");

    for _ in 0..3 {
        manager.hear_until("WATCHDOG=1");
    }
    manager.order("get stuck");
    manager.hear_until("STATUS=stuck");
    manager.order("go on being stuck, then work");
    let while_stuck = manager.hear_until("STATUS=working");
    assert_eq!(while_stuck, ["STATUS=working\n"], "the watchdog was fed while the task was stuck");
    manager.hear_until("WATCHDOG=1");
}

#[test]
#[ignore = "started by the_watchdog_is_fed_while_work_is_done_and_not_while_a_task_is_stuck"]
fn the_child_works_and_gets_stuck() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(work_and_get_stuck());
}

/// On one thread, so that between a look at the clock and the message that follows from it nothing else is said.
async fn work_and_get_stuck() {
    let clock = Clock::start();
    let period = notify::watchdog_period().unwrap();
    assert_eq!(period, Duration::from_millis(250));
    let progress = Progress::default();
    let beat = progress.task("control", Duration::from_millis(100), clock.moment());
    let feeding = tokio::spawn(notify::feed(clock, progress.clone(), period));
    let turn = Duration::from_millis(10);
    let mut orders = orders();

    while orders.try_recv().is_err() {
        beat.tick(clock.moment());
        tokio::time::sleep(turn).await;
    }
    while progress.silent(clock.moment()).is_empty() {
        tokio::time::sleep(turn).await;
    }
    notify::status("stuck");
    orders.recv().await.unwrap();
    tokio::time::sleep(2 * period).await; // ten chances to feed by mistake
    notify::status("working");
    while !feeding.is_finished() {
        beat.tick(clock.moment());
        tokio::time::sleep(turn).await;
    }
}

fn orders() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (send, receive) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(std::io::stdin()).lines().map_while(Result::ok) {
            drop(send.send(line));
        }
    });
    receive
}
