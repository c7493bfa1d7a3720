/* SPDX-License-Identifier: MIT */
/* must fail: runs a root function without a result */
// expect: incompatible.*pointer.type|invalid conversion|no matching
#include "prelude.h"

static void app(void *arg)
{
    (void)arg;
}
int main(void)
{
    return rn_run(app, NULL);
}
