# SPDX-License-Identifier: Apache-2.0
# Thin over scripts: each target is one of them.
.PHONY: build release test test-all test-boot test-debian13 test-deb test-ganeti test-docs demo docs lint bench install deb compatibility clean

build:
	scripts/build

test:
	scripts/test

test-all:
	scripts/test-all

test-boot:
	scripts/test-boot
	scripts/test-boot-images

test-debian13:
	scripts/test-debian13 --all

test-deb:
	scripts/test-deb

test-ganeti:
	scripts/test-ganeti

test-docs:
	scripts/test-docs

demo:
	scripts/demo

docs:
	scripts/docs

lint:
	scripts/lint

bench:
	scripts/bench

install:
	scripts/install DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)"

deb:
	scripts/deb

release:
	scripts/release

compatibility:
	scripts/compatibility

clean:
	scripts/clean
