/* SPDX-License-Identifier: MIT */
/* must fail: declares a channel of objects that cannot be moved as bytes */
// expect: moved as bytes
#include "prelude.h"

#include <string>

RN_MPSC_PLAIN(notes, std::string);
