# Two commands set everything up: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
STAMP  := $(VENV)/.installed
CORE   := $(wildcard exchange/core/*.py) $(wildcard exchange/edge/*.py) $(wildcard exchange/domain/*.py) $(wildcard settlement/stf/*.py) setup.py mypyc.ini loadtest/training.py
BUILT  := $(VENV)/.core-built
VYPER  := $(VENV)/.contracts-compiled
READ   := $(VENV)/.tests-read
ARGS   ?=
# Large arrays on large pages: fewer waits for memory. Harmless where the system does not offer them.
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1
# Modules become bytecode once, not anew in each of the many processes the tests start; kept in .venv.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/bytecode

.PHONY: help setup checked core run serve test test-slow lint types imports unit bench bench-core bench-journal bench-pricing bench-risk \
        bench-gateway bench-receipts bench-settlement test-l1 margin-campaign attack-campaign conservation-campaign diff-campaign settlement-campaign decoder-campaign kill-campaign sim conformance fuzz-api docs wheel clean lock

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 18

$(STAMP): requirements.lock pyproject.toml
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "installing packages …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile --no-deps -r requirements.lock
	@touch $@

# The package is installed in place; the core is compiled next to its sources. Without a compiler the
# build says so and the core runs interpreted.
$(BUILT): $(STAMP) $(CORE)
	@echo "compiling the core (some minutes) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# One process a processor; what is compiled already is kept in settlement/contracts/compiled. Interpreted: the
# core may be under way beside it.
$(VYPER): $(STAMP) $(wildcard settlement/contracts/*.vy) settlement/contracts/compiler.py
	@STRIKEBOOK_INTERPRETED=1 $(PY) -m settlement.contracts
	@touch $@

setup: $(STAMP)  ## install everything into .venv, compile the core and the contracts
	@$(MAKE) --no-print-directory -s -j2 $(BUILT) $(VYPER)

# The tests' bytecode, made once: else each test worker makes all of it. What is wrong in a test the tests tell.
$(READ): $(STAMP)
	@STRIKEBOOK_INTERPRETED=1 $(PY) -m pytest -qq -p no:cacheprovider --collect-only > /dev/null 2>&1 || true
	@touch $@

# Lint needs nothing compiled: all at once keeps every processor at work.
checked: $(BUILT) $(VYPER) $(READ) lint

core: ## compile the core again
	@$(PY) setup.py -q build_ext --inplace --force

run: setup  ## the exchange, live: venue, settlement, bots, page (ARGS="--port 9000")
	@$(PY) -m exchange.app.cli run $(ARGS)

serve: setup  ## the venue alone
	@$(PY) -m exchange.app.cli serve $(ARGS)

test: $(STAMP)  ## everything that guards the code: lint, types, imports, all tests
	@$(MAKE) --no-print-directory -s -j4 checked
	@$(PY) -m pytest -n 2 --dist worksteal -q -m "not slow and not l1" $(ARGS)

test-slow: setup  ## the larger counts that make test leaves out (an hour or so)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-peers.lock
	@$(PY) -m pytest -q -m slow $(ARGS)

lint: $(STAMP)  ## ruff, mypy strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > .lint-imports.log 2>&1 || (cat .lint-imports.log; exit 1)
	@rm -f .lint-imports.log

bench: bench-core bench-journal bench-pricing bench-risk bench-gateway  ## all benchmarks

bench-core: setup  ## the core against a tuned sorted book and books from PyPI; fails below its bars
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-peers.lock
	@$(PY) -m loadtest.bench_core $(ARGS)

bench-journal: setup  ## writing, replaying and restarting from a journal of a million commands
	@$(PY) -m loadtest.bench_journal $(ARGS)

bench-pricing: setup  ## Greeks, implied volatility, chain, scenarios, surface against their bars and peers
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-pricing-peers.lock
	@$(PY) -m loadtest.bench_pricing $(ARGS)

bench-risk: setup  ## margin, sweeps and liquidations against their bars; fails below them
	@$(PY) -m loadtest.bench_risk $(ARGS)

bench-gateway: setup  ## orders over real sockets beside echo servers; fails below its bars (ARGS=--quick)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-peers.lock
	@$(PY) -m loadtest.bench_gateway $(ARGS)

bench-receipts: setup  ## how long after an order's acknowledgement its signed receipt is there
	@$(PY) -m loadtest.bench_receipts $(ARGS)

bench-settlement: setup  ## bytes and gas a fill, beside columns, JSON and msgpack under brotli; fails below its bars
	@$(PY) -m loadtest.bench_settlement $(ARGS)

diff-campaign: setup  ## engine against reference, 100 million random commands (hours)
	@$(PY) -m tests.reference.campaign --commands 100000000 $(ARGS)

conservation-campaign: setup  ## not a micro-dollar made or lost over 10 million random commands
	@$(PY) -m tests.reference.conservation --commands 10000000 $(ARGS)

attack-campaign: setup  ## nobody draws money out by trading with himself: 10,000 random attacks under each of the rules
	@$(PY) -m tests.property.attack_campaign --worlds 10000 $(ARGS)

margin-campaign: setup  ## both margin engines against floats, 100,000 random portfolios
	@$(PY) -m tests.reference.margin_campaign --portfolios 100000 $(ARGS)

settlement-campaign: setup  ## mutated blobs, headers, step proofs and exit requests: none is accepted
	@$(PY) -m tests.property.settlement_campaign --trials 10000 $(ARGS)

decoder-campaign: setup  ## the contracts that decode against codec 5, 15,000 chunks and directories, changed and made up
	@$(PY) -m tests.property.decoder_campaign --trials 15000 $(ARGS)

kill-campaign: setup  ## a thousand SIGKILLs under load
	@$(PY) -m tests.e2e.kill_campaign --kills 1000 $(ARGS)

sim: setup  ## seeded simulation until stopped
	@$(PY) -m tests.simulation --seeds 1000000 $(ARGS)

test-l1: setup  ## settlement against a real Ethereum node (anvil, which npm fetches)
	@command -v npm > /dev/null || (echo "make test-l1 needs npm: it fetches anvil, the Ethereum node" >&2; exit 1)
	@$(PY) -m pytest -q -m l1 tests/unit/settlement tests/e2e $(ARGS)

conformance: setup  ## unmodified public clients against a running venue
	@$(PY) -m pytest -q tests/conformance $(ARGS)

fuzz-api: setup  ## Schemathesis against a running venue, 60 requests of either kind for every operation
	@$(PY) -m pytest -q -m slow tests/conformance/test_schemathesis.py $(ARGS)

docs: setup  ## check that the documents' links and commands exist
	@$(PY) -m pytest -q tests/architecture $(ARGS)

wheel: setup  ## a wheel with the compiled core in dist/
	@$(PY) -m build --wheel --no-isolation --outdir dist . > .wheel.log 2>&1 || (tail -30 .wheel.log; exit 1)
	@rm -f .wheel.log
	@$(PY) -m zipfile -l dist/strikebook-*.whl | grep 'exchange/core/engine.*\.so' > /dev/null && ls dist/*.whl

lock:  ## pin what is installed now
	@$(PY) -m pip freeze --all --exclude-editable --exclude strikebook --exclude pip > requirements.lock

clean:  ## remove builds (not .venv, not data)
	@rm -rf build dist *.egg-info exchange/core/*.so exchange/edge/*.so settlement/stf/*.so strikebook_*__mypyc*.so settlement/contracts/compiled $(BUILT) $(VYPER)
