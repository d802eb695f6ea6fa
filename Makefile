# Everything a developer does here. `make` alone says what there is.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# uv of .venv-uv when there is no other; sbin because Debian leaves it out of a user's PATH, and dockerd lives there.
export PATH := $(PATH):$(CURDIR)/.venv-uv/bin:/usr/local/sbin:/usr/sbin:/sbin
# pip trusts the machine's certificates where it is told to; uv does not by itself, and fails behind a proxy that inspects.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS := 1
endif
# Some machines say so, and then each of thousands of processes compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE
RUN := uv run --locked
# Each worker has engines of its own; one takes from the others what they have not begun when it has nothing left. Much of a
# test's time is waiting for engines, brokers and proofs, thus three for each core: with two, a sixth of the time was idle.
WORKERS ?= $(shell echo $$((3 * $$(nproc))))
SHARED := -n $(WORKERS) --dist worksteal
# Shell: `missing`, by Debian's names, is installed; the argument is what else may help.
INSTALL = install_missing() { \
	if ! command -v apt-get >/dev/null; then \
	    echo "$@: missing: $${missing[*]} (Debian's names), and no apt-get to install them; $$1" >&2; exit 1; \
	fi; \
	sudo=(); [ "$$(id -u)" = 0 ] || sudo=(sudo); \
	echo "$@: installing with apt-get: $${missing[*]}"; \
	"$${sudo[@]}" apt-get update -q; \
	"$${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$${missing[@]}"; \
	}

.PHONY: help links setup warm azure-sdk machine vm-machine demo test thorough faults soak vm-test quick check coverage bench docs

help: ## say this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A clone has them; an unpacked sdist cannot, because hatchling writes copies in the place of links.
links:
	@mkdir -p .dev/evenkeel; \
	for layer in controller reconcilers specs templates; do \
	    [ -L .dev/evenkeel/$$layer ] || ln -s ../../$$layer .dev/evenkeel/$$layer; \
	done

# Debian's python3 comes without ensurepip, and thus cannot make the environment for uv.
setup: links ## set up the Python environment in .venv (and uv in .venv-uv if there is none; asks sudo when not root)
	@$(INSTALL); \
	if ! uv --version >/dev/null 2>&1; then \
	    if ! python3 -c 'import ensurepip' 2>/dev/null; then \
	        missing=(python3-venv); install_missing "a uv in PATH needs none"; \
	    fi; \
	    echo "setup: no uv here; putting one into .venv-uv"; \
	    python3 -m venv .venv-uv; \
	    .venv-uv/bin/python -m pip install --quiet uv; \
	fi
	@uv sync --locked --compile-bytecode
	@$(RUN) python -m compileall -q .dev/evenkeel/*

# pytest compiles tests in its own way. Without this each worker does so for itself. What is wrong with one, `make test` says.
warm: setup ## compile the tests, once for all workers
	@$(RUN) pytest -q --collect-only >/dev/null || true

# The tests hold their double of Azure against Microsoft's own SDK, which wants an older paho than evenkeel. The stamp is made last.
AZURE_SDK := azure-iot-device==2.14.0
azure-sdk: setup
	@if [ ! -e ".venv-azure/$(AZURE_SDK)" ]; then \
	    echo "machine: putting $(AZURE_SDK) into .venv-azure"; \
	    uv venv --quiet --clear .venv-azure; \
	    uv pip install --quiet --python .venv-azure/bin/python '$(AZURE_SDK)'; \
	    touch ".venv-azure/$(AZURE_SDK)"; \
	fi

# The tests use real engines, registry, broker, RAUC and iptables. A command that is there is not installed again, wherever it
# came from. busybox must be static: it becomes the content of the images that the tests make.
machine: azure-sdk ## install what the tests need from Debian and of Azure's SDK (asks sudo when not root)
	@$(INSTALL); missing=(); \
	need() { command -v "$$1" >/dev/null || missing+=("$$2"); }; \
	need dockerd docker.io; need docker-registry docker-registry; need mosquitto mosquitto; need iptables iptables; \
	need podman podman; need nsenter util-linux; need newuidmap uidmap; need slirp4netns slirp4netns; \
	for dns in netavark aardvark-dns; do [ -x /usr/lib/podman/$$dns ] || [ -x /usr/libexec/podman/$$dns ] || missing+=($$dns); done; \
	need mosquitto_pub mosquitto-clients; need ip iproute2; need git git; \
	need openssl openssl; need htpasswd apache2-utils; need strace strace; \
	need dbus-daemon dbus; need rauc rauc; need mksquashfs squashfs-tools; need grub-editenv grub-common; \
	if ! b=$$(command -v busybox) || ldd "$$b" >/dev/null 2>&1; then missing+=(busybox-static); fi; \
	if [ $${#missing[@]} -eq 0 ]; then echo "machine: dockerd, podman, registry, broker, RAUC and tools are all there"; exit 0; fi; \
	install_missing "'make quick' needs none"

# Beside what `machine` installs. An image is made by root, because its files belong to root.
vm-machine: machine ## install what vm-test needs from Debian beside that
	@$(INSTALL); missing=(); \
	need() { command -v "$$1" >/dev/null || missing+=("$$2"); }; \
	need qemu-system-x86_64 qemu-system-x86; need qemu-img qemu-utils; need socat socat; \
	need mmdebstrap mmdebstrap; need cpio cpio; need depmod kmod; need mke2fs e2fsprogs; \
	need sgdisk gdisk; need mkfs.vfat dosfstools; need mcopy mtools; need zstd zstd; \
	[ -e /usr/lib/grub/i386-pc/boot.img ] || missing+=(grub-pc-bin); \
	if [ "$$(id -u)" != 0 ]; then echo "vm-test: run it as root: it makes file systems whose files belong to root" >&2; exit 1; fi; \
	if [ $${#missing[@]} -eq 0 ]; then echo "vm-machine: QEMU, GRUB and tools are all there"; exit 0; fi; \
	install_missing "nothing else needs them"

demo: setup ## see it work, without an engine
	@$(RUN) evenkeel demo $(ARGS)

test: setup machine ## run every test, with real engine, registry and broker; kills at some moments
	$(RUN) pytest $(SHARED) $(ARGS)

thorough: setup machine ## run every test, with kills at every moment and more random worlds; takes long
	EVENKEEL_THOROUGH=1 $(RUN) pytest $(SHARED) $(ARGS)

faults: setup machine ## disturb every request of an update with every fault, on a real engine; takes hours
	EVENKEEL_THOROUGH=1 $(RUN) pytest tests/faults -s $(ARGS)

soak: setup ## let it do 10,000 revisions, 2,000 activities and two floods, and see that nothing grows; 15 minutes
	EVENKEEL_SOAK=1 $(RUN) pytest tests/soak -s $(ARGS)

vm-test: setup vm-machine ## update the system of a device in QEMU, with GRUB and RAUC; 9 minutes for six stories
	$(RUN) pytest tests/vm --durations=0 -v $(ARGS)

quick: setup ## run the tests that need no engine
	$(RUN) pytest $(SHARED) -m 'not engine' $(ARGS)

check: setup ## ruff, mypy, pyright, import-linter
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) pyright
	$(RUN) lint-imports --no-cache

coverage: setup machine ## run every test and say which lines none of them reached
	$(RUN) coverage run -m pytest $(ARGS)
	$(RUN) coverage combine -q
	$(RUN) coverage report

bench: setup ## measure start-up, plans and the idle daemon against their budgets; ENGINE=podman: with Podman
	ENGINE="$(ENGINE)" $(RUN) python -m bench.run $(ARGS)

docs: setup ## write the generated part of docs/
	@[ -f docs/generate.py ] || { echo "docs: docs/generate.py is not written yet" >&2; exit 1; }
	$(RUN) python docs/generate.py $(ARGS)
