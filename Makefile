# make demo    a simulated lane, with nothing to set up first
# make test    every test but those of the cameras' OpenCV; make test-vision for these
# make fuzz    every parser of foreign bytes against made-up ones, FUZZ_SECONDS=30 each
#
# All install what is missing. This file only does that and calls cargo: without make, install the packages below and
# run what the recipes run.

# Debian's packages, and what each is for. To build the daemon and run the demo:
PACKAGES := ca-certificates
# links Rust programs, compiles the assembler of the TLS library
PACKAGES += gcc libc6-dev

# To test it against programs that are not ours:
# the broker of most sites
TEST_PACKAGES := mosquitto
# independent receivers and Modbus servers, in a virtual environment
TEST_PACKAGES += python3 python3-venv
# joins two pseudo-terminals into a serial bus
TEST_PACKAGES += socat
# the C library that many Modbus devices and tools are built on; a test compiles a server of it
TEST_PACKAGES += libmodbus-dev
# makes one system call fail, or kills at it
TEST_PACKAGES += strace
# systemd-analyze, which scores the unit's sandbox
TEST_PACKAGES += systemd
# the kill that the unit's reload calls; a bare Debian has none
TEST_PACKAGES += procps
# dcmdump, an independent reader of the DICOS files that a lane writes
TEST_PACKAGES += dcmtk
# the browser that officers use and its WebDriver: 490 MB on a bare Debian 12, letters included
TEST_PACKAGES += chromium chromium-driver
# Chinese letters for its screenshots, 91 MB of these
TEST_PACKAGES += fonts-noto-cjk

# For portside-vision, the only part that needs OpenCV (350 packages and 1.8 GB on a bare Debian 12):
VISION_PACKAGES := libopencv-dev
# the binding is generated from OpenCV's headers at build time, by clang
VISION_PACKAGES += clang libclang-dev pkg-config
# a camera for its tests: GStreamer's RTSP server, driven from Python
VISION_PACKAGES += python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad

# To fuzz: libFuzzer is C++
FUZZ_PACKAGES := g++
# How long each target is fuzzed.
export FUZZ_SECONDS ?= 30

# What to give to the demo, such as DEMO_ARGS="--once".
DEMO_ARGS :=
# Where the independent programs are installed; the tests look there too.
export PORTSIDE_VENV ?= $(CURDIR)/.venv
# rustup's folder for shells that were open before it was installed; Debian's brokers live in sbin.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/sbin

.PHONY: help demo demo-vision test test-vision fuzz bench screenshots endurance setup setup-demo setup-vision setup-fuzz rust
.NOTPARALLEL:

help:
	@sed -n '1,6s/^# \?//p' Makefile

# The development profile: the dependencies are optimised in it as well, a lane needs little, and from nothing a release
# build of the embedded broker alone takes longer than all of this.
demo: setup-demo
	cargo run --locked -- demo $(DEMO_ARGS)

# With cameras, whose program needs OpenCV.
demo-vision: setup-demo setup-vision
	cargo build --locked --package portside-vision
	cargo run --locked -- demo $(DEMO_ARGS)

# Doc tests first: what runs last should be what most tests are.
test: setup
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	@if command -v node >/dev/null; then node --test tests/web/; else echo "test: the pages' unit tests are skipped, Node.js 18 or later is missing"; fi
	cargo test --locked --doc
	cargo test --locked --lib --bins --tests

test-vision: setup-vision
	cargo clippy --locked --package portside-vision --all-targets -- -D warnings
	cargo test --locked --package portside-vision --lib --bins --tests -- --nocapture
	PORTSIDE_ROUNDS=100 cargo test --locked --package portside --test camera_daemon --test camera_vision -- --nocapture

# On stable Rust; fuzz/README.md says how to add a target.
fuzz: setup-fuzz
	fuzz/run $(FUZZ_TARGETS)

bench: setup
	cargo bench --locked --bench '*'

# The README's pictures, of computed bags only.
screenshots: setup
	cargo test --locked --test browser_screenshots -- --ignored --nocapture

# The same tests, those that have a long form in it; the seeds are printed.
endurance: setup
	PORTSIDE_ENDURANCE=1 cargo test --locked --release --lib --bins --tests -- --nocapture

setup: rust
	@$(call install,$(PACKAGES) $(TEST_PACKAGES))
	@cat tests/peers/requirements.txt tests/peers/files.txt | cmp -s - $(PORTSIDE_VENV)/installed.txt || { \
		echo "setup: installing the test peers into $(PORTSIDE_VENV)"; \
		python3 -m venv $(PORTSIDE_VENV) && \
		$(PORTSIDE_VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/peers/requirements.txt && \
		$(PORTSIDE_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/peers/files.txt && \
		cat tests/peers/requirements.txt tests/peers/files.txt > $(PORTSIDE_VENV)/installed.txt; }

setup-demo: rust
	@$(call install,$(PACKAGES))

setup-vision: rust
	@$(call install,$(PACKAGES) $(VISION_PACKAGES))

setup-fuzz: rust
	@$(call install,$(PACKAGES) $(FUZZ_PACKAGES))

# Names what is missing, and asks for rights only if something is.
define install
missing=; for package in $(1); do \
	[ "$$(dpkg-query --show --showformat='$${db:Status-Status}' $$package 2>/dev/null)" = installed ] || missing="$$missing $$package"; \
done; \
[ -z "$$missing" ] && exit 0; \
command -v apt-get >/dev/null || { echo "setup: no apt-get here; install what corresponds to Debian's$$missing"; exit 1; }; \
as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
[ -z "$$as_root" ] || command -v sudo >/dev/null || { echo "setup: without sudo, ask an administrator for: apt-get install$$missing"; exit 1; }; \
echo "setup: installing$$missing"; \
export DEBIAN_FRONTEND=noninteractive; \
$$as_root apt-get -qq -o DPkg::Lock::Timeout=300 update && \
$$as_root apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install --yes --no-install-recommends $$missing >/dev/null
endef

# Debian's own Rust is older than the crates need, so apt is no help here.
rust:
	@command -v cargo >/dev/null || { echo "setup: Rust is missing. Install it as https://rustup.rs says (Debian's own is too old), then try again."; exit 1; }
	@need=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml); have=$$(rustc --version | cut -d ' ' -f 2); \
	[ "$$(printf '%s\n' "$$need" "$$have" | sort -V | head -n 1)" = "$$need" ] || \
		{ echo "setup: this is Rust $$have, and $$need or later is needed: rustup update stable"; exit 1; }
