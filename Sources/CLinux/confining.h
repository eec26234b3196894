// SPDX-License-Identifier: Apache-2.0
// What the steps of the confinement of a child hand on. Not for Swift.
#pragma once
#include <stdint.h>

#include "confine.h"
#include "spawn.h"

/// A confined child on its way.
struct clinux_birth {
  /// A pidfd of the process that it is to end with, or -1.
  int broker;
  /// This program itself, where that is what it executes, or -1: its file may have another name by now, or none.
  int program;
  /// Who it will be.
  uint32_t user, group;
};

/// Confines this process, a child before it executes a program. Only calls that are safe in a signal handler.
///
/// Returns 0, or -1 with `errno`, and `*what` naming what could not be done.
int clinux_confine(const struct clinux_confinement *confinement, struct clinux_birth *birth, const char **what);

/// Gives the last rights up, below the descriptors and limits that the child has by now; closes what `birth` has of the broker.
/// ESRCH where that has ended already.
int clinux_confine_last(const struct clinux_confinement *confinement, const struct clinux_birth *birth, const char **what);

/// Puts an empty root together and enters it.
int clinux_enter_empty_root(const struct clinux_confinement *confinement, struct clinux_birth *birth, const char **what);

/// Opens what is at the path of a place, to know it by (O_PATH): -1 with `errno`, ESTALE where that is not what was meant.
int clinux_find_place(const struct clinux_place *place);

/// The version of Landlock that the kernel has, 0 for none.
int clinux_landlock_version(void);
/// Confines this process by Landlock. -1 with `errno`, and `*what` naming what could not be done.
int clinux_restrict_paths(const struct clinux_confinement *confinement, int program, const char **what);

/// Writes a number without stdio; returns where it ends.
char *clinux_put_number(char *text, uint32_t number);

/// From here on what the pretence names does nothing, and is said to be done.
int clinux_pretend(enum clinux_pretence pretence);
