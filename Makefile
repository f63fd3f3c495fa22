# Mandate: the commands people type. `make run` and `make test` are the two that matter.

.DEFAULT_GOAL := help
.PHONY: help run demo test check fmt bench fuzz pictures set-up toolchain

RUST_NEEDED := 1.95

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

toolchain:
	@command -v cc >/dev/null || { echo "Mandate needs a C compiler: install one (on Debian: apt-get install build-essential) and run this again." >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "Mandate needs Rust $(RUST_NEEDED) or newer: install it with rustup and run this again." >&2; exit 1; }
	@have=$$(cargo --version | awk '{print $$2}'); \
	 printf '%s\n%s\n' "$(RUST_NEEDED)" "$$have" | sort -V -C || { echo "Mandate needs Rust $(RUST_NEEDED) or newer and found $$have: run 'rustup update stable' and try again." >&2; exit 1; }

run: toolchain ## build and start the server on ./data, with the rehearsal services
	cargo run --release --locked --package cli --bin mandate -- serve --rehearsal

demo: toolchain ## build and serve a folder of samples: two tenants, people in every role, weeks of past runs
	cargo run --release --locked --package cli --bin mandate -- demo

set-up:
	tests/set-up.sh

test: toolchain set-up ## install what the tests need, then run all of them
	cargo build --locked --package cli --bin mandate
	cargo test --locked --workspace

check: toolchain ## formatting, lints and the rules of the house
	cargo fmt --all -- --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo test --locked --package tests --test house -- tidy

fmt: ## format everything
	cargo fmt --all

pictures: toolchain set-up ## make the pictures of docs/tour.md anew
	UPDATE_PICTURES=1 cargo test --locked --package tests --test house -- pictures

bench: toolchain set-up ## measure, and print what docs/benchmarks.md records
	cargo build --release --locked --package cli --bin mandate
	cargo run --release --locked --package bench

FUZZ_CASES ?= 100000

fuzz: toolchain ## make expressions nearly right, FUZZ_CASES (100000) of each sort, and see that none gets the better of us
	FUZZ_CASES=$(FUZZ_CASES) cargo test --release --locked --package workflow --test expression -- fuzz
