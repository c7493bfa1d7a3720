/* SPDX-License-Identifier: MIT */
/* must fail: declares a task with an argument that cannot be moved as bytes */
// expect: moved as bytes
#include "prelude.h"

#include <string>

RN_TASK(work, std::string);
