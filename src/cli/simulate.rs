//! `portside simulate`: a device for a technician's bench, or a recorded one.

mod lines;

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgGroup, Args};
use portside_devices::library::Library;
use portside_devices::modbus::Framing;
use portside_devices::profile::Profile;
use portside_devices::simulate::Model;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::door::WRONG;
use crate::clock::Clock;
use crate::config::nearest;
use crate::simulate::bench::{Bench, Pty};
use crate::simulate::script::{self, Line};
use crate::simulate::tape::{self, Replay};

/// `portside simulate`
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("place").required(true).args(["listen", "pty"])))]
#[command(after_help = "Examples:\n  portside simulate barrier --listen 127.0.0.1:5020\n  \
    portside simulate thermometer --pty /tmp/bus --unit 3 --baud 9600\n  \
    portside simulate io/waveshare-8ch --listen 127.0.0.1:5020 --script faults.txt\n  \
    portside simulate xray/generic-baggage-lines --listen 127.0.0.1:5021\n  \
    portside simulate replay site.tape --listen 127.0.0.1:5020\n\n\
    It prints the lines for the lane file, and then reads from standard input:\n  \
    set POINT VALUE | nan POINT | stick POINT | free | word TABLE ADDRESS WORD | ok | wait TIME\n  \
    fault silent | late TIME | wrong-unit ID | bad-crc | garbage | cut | twice | drop | exception CODE [COUNT]\n\
    and for a detector of lines:\n  \
    bag [SEED [firearm|blade|food]] | truck [SEED] | calibrate | beam on|off | lose LINES | stall TIME | garbage | cut")]
pub(super) struct SimulateArgs {
    /// A kind such as `barrier`, a profile such as `io/waveshare-8ch`, or `replay`
    kind: String,
    /// The tape to play, with `replay`
    tape: Option<PathBuf>,
    /// Answer on this TCP address
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Answer on a pseudo-terminal under this name
    #[arg(long, value_name = "LINK")]
    pty: Option<PathBuf>,
    /// Unit id
    #[arg(long, default_value_t = 1)]
    unit: u8,
    /// Understand this baud rate alone, on a pseudo-terminal
    #[arg(long, value_name = "BAUD", requires = "pty")]
    baud: Option<u32>,
    /// Serial frames on TCP, as a plain gateway passes them on
    #[arg(long, requires = "listen")]
    rtu: bool,
    /// Lines to obey before those of standard input
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

/// Runs `portside simulate`.
pub(super) fn run(args: &SimulateArgs) -> ExitCode {
    let done = |ended: Result<(), (u8, String)>| match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, words)) => {
            eprintln!("portside: {words}");
            ExitCode::from(status)
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return done(Err((1, error.to_string()))),
    };
    done(if args.kind == "replay" { runtime.block_on(replay(args)) } else { runtime.block_on(simulate(args)) })
}

fn wrong(words: impl Into<String>) -> (u8, String) {
    (WRONG, words.into())
}

fn failed(words: impl ToString) -> (u8, String) {
    (1, words.to_string())
}

/// The profile of that name, or the generic one of that kind.
fn profile(kind: &str) -> Result<Arc<Profile>, String> {
    let library = Library::shipped();
    let of_kind = || library.names().filter(|name| name.split('/').next() == Some(kind));
    let sound = |name: &str| library.get(name).and_then(Result::ok);
    let simulated =
        |name: &&str| sound(name).is_some_and(|profile| profile.points.iter().any(|at| at.register().is_some()));
    let generic = of_kind().filter(simulated).find(|name| name.contains("generic"));
    let name = if kind.contains('/') { Some(kind) } else { generic.or_else(|| of_kind().find(simulated)) };
    name.and_then(sound).ok_or_else(|| {
        let mut kinds: Vec<&str> = library.names().filter_map(|name| name.split('/').next()).collect();
        kinds.dedup();
        let near = nearest(kind, library.names().chain(kinds.iter().copied()).chain(["replay"]));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("`{kind}` is neither a shipped profile nor a kind: {}, or replay{near}", kinds.join(", "))
    })
}

async fn simulate(args: &SimulateArgs) -> Result<(), (u8, String)> {
    let profile = profile(&args.kind).map_err(wrong)?;
    let framing = if args.rtu || args.pty.is_some() { Framing::Rtu } else { Framing::Tcp };
    let script = match &args.script {
        Some(path) => std::fs::read_to_string(path).map_err(|error| wrong(format!("{}: {error}", path.display())))?,
        None => String::new(),
    };
    if let Some(detector) = &profile.detector {
        let listen = args.listen.ok_or_else(|| wrong("a detector speaks over the network: say --listen ADDR"))?;
        return lines::simulate(&profile, detector, listen, &script).await;
    }
    let lines = script.lines().enumerate().map(|(number, line)| {
        let understood = script::parse(line).and_then(|line| script::possible(line, framing));
        understood.map_err(|why| wrong(format!("line {} of the script: {why}", number + 1)))
    });
    let lines: Vec<Option<Line>> = lines.collect::<Result<_, _>>()?;
    let bench = Bench::new(vec![Model::new(profile.clone(), args.unit)], Clock::start());
    let bench = args.baud.into_iter().fold(bench, Bench::at_baud);
    let stop = CancellationToken::new();
    let (address, serving) = match (&args.listen, &args.pty) {
        (Some(listen), _) => {
            let listener = TcpListener::bind(listen).await.map_err(|error| failed(format!("{listen}: {error}")))?;
            let at = listener.local_addr().map_err(failed)?;
            let scheme = if args.rtu { "modbus+rtu" } else { "modbus" };
            let task = tokio::spawn(bench.clone().serve_tcp(listener, framing, stop.clone()));
            (format!("{scheme}://{at}/{}", args.unit), task)
        }
        (None, Some(link)) => {
            let pty = Pty::make(link).map_err(|error| failed(format!("{}: {error}", link.display())))?;
            let path = std::path::absolute(link).map_err(failed)?;
            let task = tokio::spawn(bench.clone().serve_pty(pty, stop.clone()));
            (format!("serial://{}?baud={}&unit={}", path.display(), args.baud.unwrap_or(9_600), args.unit), task)
        }
        (None, None) => return Err(wrong("say --listen ADDR or --pty LINK")),
    };
    println!("[[device]]\nid = \"{0}-{1}\"\nkind = \"{0}\"", profile.kind.word(), args.unit);
    println!("profile = \"{}\"\naddress = \"{address}\"\n", profile.name);
    obey(&bench, args.unit, framing, lines.into_iter().flatten()).await;
    stop.cancel();
    // It ends within one turn; a panic of it was printed.
    let _ = serving.await;
    Ok(())
}

/// What a technician types.
struct Typing(tokio::sync::mpsc::UnboundedReceiver<String>);

impl Typing {
    /// The next line; `None` when standard input ended, or the program is told to end.
    async fn next(&mut self) -> Option<String> {
        tokio::select! {
            line = self.0.recv() => line,
            _ = tokio::signal::ctrl_c() => None,
        }
    }
}

fn typed() -> Typing {
    let (typed, typing) = tokio::sync::mpsc::unbounded_channel();
    // A thread of its own, which ends with the process: a read of a terminal cannot be given up.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if typed.send(line).is_err() {
                return;
            }
        }
    });
    Typing(typing)
}

/// The script, then standard input, until it ends or the program is told to.
async fn obey(bench: &Bench, unit: u8, framing: Framing, lines: impl Iterator<Item = Line>) {
    for line in lines {
        act(bench, unit, &line).await;
    }
    let mut typing = typed();
    while let Some(line) = typing.next().await {
        match script::parse(&line).and_then(|line| script::possible(line, framing)) {
            Ok(None) => {}
            Ok(Some(line)) => act(bench, unit, &line).await,
            Err(why) => eprintln!("{why}"),
        }
    }
}

async fn act(bench: &Bench, unit: u8, line: &Line) {
    if let Line::Wait(time) = line {
        tokio::time::sleep(*time).await;
    }
    if let Err(why) = script::apply(line, bench, unit) {
        eprintln!("{why}");
    }
}

async fn replay(args: &SimulateArgs) -> Result<(), (u8, String)> {
    let path =
        args.tape.as_ref().ok_or_else(|| wrong("say which tape: portside simulate replay FILE --listen ADDR"))?;
    let size = std::fs::metadata(path).map_err(|error| wrong(format!("{}: {error}", path.display())))?.len();
    if size > tape::SIZE_MAX as u64 {
        return Err(wrong(format!("{} has {size} bytes, more than {}", path.display(), tape::SIZE_MAX)));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    let entries = tape::parse(&text).map_err(|why| wrong(format!("{}: {why}", path.display())))?;
    let replay = Replay::new(&entries);
    match (&args.listen, &args.pty) {
        (Some(listen), _) => {
            let listener = TcpListener::bind(listen).await.map_err(|error| failed(format!("{listen}: {error}")))?;
            println!("playing {} on {}", path.display(), listener.local_addr().map_err(failed)?);
            loop {
                let (stream, _) = listener.accept().await.map_err(failed)?;
                // Each caller hears the tape from its beginning.
                tokio::spawn(play(stream, replay.clone()));
            }
        }
        (None, Some(link)) => {
            let mut pty = Pty::make(link).map_err(|error| failed(format!("{}: {error}", link.display())))?;
            println!("playing {} on {}", path.display(), link.display());
            loop {
                // Ends whenever nobody has the other end open.
                let _ = play(pty.near(), replay.clone()).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        (None, None) => Err(wrong("say --listen ADDR or --pty LINK")),
    }
}

async fn play<W: AsyncRead + AsyncWrite + Unpin>(mut wire: W, mut replay: Replay) -> std::io::Result<()> {
    let clock = Clock::start();
    let (mut buffer, mut said) = ([0; 512], 0);
    loop {
        let next =
            replay.unasked().get(said).map(|(after, _)| clock.until(portside_devices::moment::Moment::START + *after));
        let wait = async {
            match next {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        let heard = tokio::select! {
            count = wire.read(&mut buffer) => Some(count?),
            () = wait => None,
        };
        let answers = match heard {
            Some(0) => return Ok(()),
            Some(count) => replay.hear(&buffer[..count]),
            None => {
                said += 1;
                vec![(Duration::ZERO, replay.unasked()[said - 1].1.clone())]
            }
        };
        let mut waited = Duration::ZERO;
        for (after, bytes) in answers {
            tokio::time::sleep(after.saturating_sub(waited)).await;
            waited = waited.max(after);
            wire.write_all(&bytes).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Call {
        #[command(flatten)]
        _args: SimulateArgs,
    }

    #[test]
    fn a_slip_of_the_hand_is_answered_with_the_kind_that_was_meant() {
        assert!(profile("barier").unwrap_err().ends_with("did you mean `barrier`?"));
        assert!(!profile("xyzzyplugh").unwrap_err().contains("did you mean"));
    }

    #[test]
    fn whoever_names_no_place_is_told_of_both_and_may_take_one() {
        let call = |words: &[&str]| Call::try_parse_from([&["simulate", "barrier"], words].concat());
        let said = call(&[]).err().unwrap().to_string();
        assert!(said.contains("--listen") && said.contains("--pty"), "{said}");
        assert!(call(&["--listen", "127.0.0.1:0"]).is_ok() && call(&["--pty", "bus"]).is_ok());
        assert!(call(&["--listen", "127.0.0.1:0", "--pty", "bus"]).is_err());
    }
}
