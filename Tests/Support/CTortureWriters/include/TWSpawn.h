#ifndef SAMEPAGE_TW_SPAWN_H
#define SAMEPAGE_TW_SPAWN_H

/// posix_spawnp of a program that finds the same wherever the caller runs: the three descriptors as 0, 1 and 2 and no
/// other, no signal blocked or ignored, a process group of its own. The descriptors must not be 0, 1 or 2 but in place.
///
/// The command and the environment end with NULL; without an environment it gets the caller's. Returns its number, or
/// minus the error number.
int tw_spawn(char *const command[], char *const environment[], const int descriptors[3]);

#endif
