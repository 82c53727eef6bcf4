//! The serial ports of a machine, as its kernel shows them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

/// One serial port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Port {
    /// `/dev/ttyUSB0`
    path: PathBuf,
    /// The name that stays when adapters change places, if there is one.
    by_id: Option<PathBuf>,
    /// Maker, product and serial number of the adapter, or the driver of a built-in port.
    what: String,
    /// Programs that have it open.
    held_by: Vec<String>,
}

/// Where the kernel shows things; a test has its own.
struct Roots<'a> {
    dev: &'a Path,
    sys: &'a Path,
    proc: &'a Path,
}

const MACHINE: (&str, &str, &str) = ("/dev", "/sys", "/proc");

pub(super) fn run(json: bool) -> ExitCode {
    let (dev, sys, proc) = MACHINE;
    let found = ports(&Roots { dev: Path::new(dev), sys: Path::new(sys), proc: Path::new(proc) });
    if json {
        println!("{}", serde_json::to_string_pretty(&found).unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    if found.is_empty() {
        println!(
            "no serial port on this machine: is the adapter plugged in? (`dmesg | tail` says what the kernel saw)"
        );
    }
    for port in &found {
        // A lane file names what does not change when the next adapter is plugged in.
        let name = port.by_id.as_ref().unwrap_or(&port.path);
        println!("{}", name.display());
        println!("  {} {}", port.path.display(), port.what);
        match &port.held_by[..] {
            [] => println!("  free"),
            holders => println!("  held by {}: a probe has to wait until it ends", holders.join(", ")),
        }
        if port.by_id.is_none() {
            println!("  has no name in /dev/serial/by-id: built in, or udev does not run");
        }
    }
    ExitCode::SUCCESS
}

/// The programs that have `path` open, as `name (pid)`. Those of other users are seen by root alone.
pub(crate) fn holders(path: &Path) -> Vec<String> {
    open_files(Path::new(MACHINE.2)).remove(&real(path)).unwrap_or_default()
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn ports(roots: &Roots<'_>) -> Vec<Port> {
    let by_id = entries(&roots.dev.join("serial/by-id")).into_iter().map(|path| (real(&path), path));
    let by_id: BTreeMap<PathBuf, PathBuf> = by_id.collect();
    let open = open_files(roots.proc);
    let names = entries(&roots.sys.join("class/tty"));
    let real_ones = names.into_iter().filter(|tty| tty.join("device").exists() && !is_empty_socket(tty));
    real_ones
        .filter_map(|tty| {
            let path = roots.dev.join(tty.file_name()?);
            let path = real(&path);
            let held_by = open.get(&path).cloned().unwrap_or_default();
            Some(Port { by_id: by_id.get(&path).cloned(), what: what(&tty), held_by, path })
        })
        .collect()
}

/// The kernel shows four ports of every PC, whether there is a chip behind them or not.
fn is_empty_socket(tty: &Path) -> bool {
    fs::read_to_string(tty.join("type")).is_ok_and(|kind| kind.trim() == "0")
}

fn what(tty: &Path) -> String {
    let mut at = real(&tty.join("device"));
    for _ in 0..6 {
        let word = |name: &str| fs::read_to_string(at.join(name)).ok().map(|text| text.trim().to_owned());
        if let (Some(vendor), Some(product)) = (word("idVendor"), word("idProduct")) {
            let more = ["manufacturer", "product", "serial"].into_iter().filter_map(word);
            return format!("USB {vendor}:{product} {}", more.collect::<Vec<_>>().join(" "));
        }
        if !at.pop() {
            break;
        }
    }
    let driver = fs::read_link(tty.join("device/driver")).ok();
    let driver = driver.as_ref().and_then(|driver| driver.file_name()).map(|name| name.to_string_lossy().into_owned());
    format!("built in ({})", driver.unwrap_or_else(|| "no driver".to_owned()))
}

/// Terminal devices that are open, with the programs that have them open.
fn open_files(proc: &Path) -> BTreeMap<PathBuf, Vec<String>> {
    let mut open: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for process in entries(proc) {
        let Some(pid) = process.file_name().and_then(|name| name.to_str()).filter(|name| name.parse::<u32>().is_ok())
        else {
            continue;
        };
        let files = entries(&process.join("fd")).into_iter().filter_map(|fd| fs::read_link(fd).ok());
        for path in files.filter(|path| path.to_string_lossy().contains("/tty") || path.starts_with("/dev/pts")) {
            let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
            let holder = format!("{} ({pid})", name.trim());
            let holders = open.entry(path).or_default();
            if !holders.contains(&holder) {
                holders.push(holder);
            }
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_port_is_shown_by_its_lasting_name_with_its_adapter_and_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        let (dev, sys, proc) = (root.join("dev"), root.join("sys"), root.join("proc"));
        write(&dev.join("ttyUSB0"), "");
        write(&dev.join("ttyS0"), "");
        fs::create_dir_all(dev.join("serial/by-id")).unwrap();
        symlink("../../ttyUSB0", dev.join("serial/by-id/usb-FTDI_A-if00")).unwrap();
        let usb = sys.join("devices/usb1/1-1");
        for (name, text) in [("idVendor", "0403\n"), ("idProduct", "6001\n"), ("manufacturer", "FTDI\n")] {
            write(&usb.join(name), text);
        }
        fs::create_dir_all(usb.join("1-1:1.0/ttyUSB0")).unwrap();
        fs::create_dir_all(sys.join("class/tty/ttyUSB0")).unwrap();
        symlink(usb.join("1-1:1.0/ttyUSB0"), sys.join("class/tty/ttyUSB0/device")).unwrap();
        // A port without a chip, and a console without a device, are none.
        write(&sys.join("class/tty/ttyS0/type"), "0\n");
        fs::create_dir_all(sys.join("class/tty/ttyS0/device")).unwrap();
        fs::create_dir_all(sys.join("class/tty/tty1")).unwrap();
        write(&proc.join("77/comm"), "minicom\n");
        fs::create_dir_all(proc.join("77/fd")).unwrap();
        symlink(dev.join("ttyUSB0"), proc.join("77/fd/3")).unwrap();
        let found = ports(&Roots { dev: &dev, sys: &sys, proc: &proc });
        assert_eq!(
            found,
            [Port {
                path: dev.join("ttyUSB0"),
                by_id: Some(dev.join("serial/by-id/usb-FTDI_A-if00")),
                what: "USB 0403:6001 FTDI".into(),
                held_by: vec!["minicom (77)".into()],
            }]
        );
    }
}
