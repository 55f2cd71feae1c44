# Everything that people and CI do with this repository. `make help` lists it.

CARGO ?= cargo
NOTIFIER := target/debug/notifier
# nextest runs the tests in parallel processes where it is installed; plain cargo does otherwise.
NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)

.DEFAULT_GOAL := help
.PHONY: help run build test test-smtp check fmt clippy doc deny bench bench-plugins crash power simulate planted plugins plugins-check plugins-languages clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build, and start the sandbox on 127.0.0.1:8080
	@$(NOTIFIER) sandbox

build: ## Build everything
	@$(CARGO) build --workspace --locked

test: build ## Run every test
ifeq ($(NEXTEST),yes)
	@$(CARGO) nextest run --workspace --locked --no-fail-fast
else
	@$(CARGO) test --workspace --locked --no-fail-fast --lib --bins --tests
endif
	@$(CARGO) test --workspace --locked --doc
	@$(CARGO) test --manifest-path plugins/Cargo.toml --locked --workspace

test-smtp: ## Send to a real Postfix (needs root, and the packages postfix, openssl and python3)
	@$(CARGO) test -p notifier-core --no-default-features --features http,smtp,testing --locked --test postfix

check: test fmt clippy doc deny plugins-check ## Everything that CI checks

fmt: ## Check the format
	@$(CARGO) fmt --all --check
	@$(CARGO) fmt --all --check --manifest-path plugins/Cargo.toml

clippy: ## Lint, with warnings as errors
	@$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	@$(CARGO) clippy -p notifier-core --test postfix --locked -- -D warnings
	@$(CARGO) clippy --manifest-path plugins/Cargo.toml --workspace --all-targets --locked -- -D warnings

doc: ## Build the documentation, with warnings as errors
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --document-private-items

deny: ## Check licences, bans and sources of dependencies
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	@$(CARGO) deny --offline check bans licenses sources

bench: ## Measure, beside the limits of this machine; writes target/bench.json
	@$(CARGO) build --release -p notifier-server -p notifier-tests --locked
	@target/release/notifier-bench

bench-plugins: ## Measure what provider components cost, and what good ones notice of hostile ones
	@$(CARGO) build --release -p notifier-server -p notifier-tests --locked
	@target/release/notifier-bench plugins hostile

crash: build ## Kill the server in ROUNDS rounds of load and compare with what was acknowledged; replay what is drawn: SEED
	@NOTIFIER_CRASH_ROUNDS=$(or $(ROUNDS),20) $(if $(SEED),NOTIFIER_CRASH_SEED=$(SEED)) $(CARGO) test --workspace --locked --test it -- --nocapture crash::

power: ## Take the power of the store away CUTS times, and see that nothing acknowledged is lost
	@NOTIFIER_POWER_CUTS=$(or $(CUTS),1000) $(CARGO) test --profile simulation -p notifier-core --no-default-features \
		--features http,testing,sled --locked --lib -- --nocapture sled::tests::power

simulate: ## Simulate SEEDS stories from SEED_FIRST on, or replay one: SEED
	@NOTIFIER_SEEDS=$(or $(SEEDS),2000) NOTIFIER_SEED_FIRST=$(or $(SEED_FIRST),1) $(if $(SEED),NOTIFIER_SEED=$(SEED)) \
		$(CARGO) test --profile simulation -p notifier-core --no-default-features --features testing --locked \
		--test simulation -- --nocapture no_seed_finds_anything

planted: ## See that the simulation finds every planted bug
	@$(CARGO) test --profile simulation -p notifier-core --no-default-features --features testing,planted --locked \
		--test simulation -- --nocapture every_planted_bug_is_found

plugins: ## Rebuild the components under plugins/prebuilt (needs the wasm toolchain, see plugins/README.md)
	@plugins/build.sh

plugins-check: ## Rebuild the components aside and compare
	@plugins/build.sh --check

plugins-languages: build ## Build the same provider in Rust, C, JavaScript and Python, and hold each to the kit
	@for language in rust c js python; do \
		examples/plugins/$$language/build.sh; status=$$?; \
		if [ $$status = 69 ]; then echo "$$language: its tools cannot be installed here, so it is not built"; continue; fi; \
		[ $$status = 0 ] && $(NOTIFIER) plugin test examples/plugins/target/acme-$$language.wasm \
			--exchanges examples/plugins/acme.exchanges.json || exit 1; \
	done

clean: ## Remove what was built
	@$(CARGO) clean
	@$(CARGO) clean --manifest-path plugins/Cargo.toml
