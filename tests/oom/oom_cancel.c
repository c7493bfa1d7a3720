/* SPDX-License-Identifier: MIT */
/* oom_cancel.c - a token that cannot be had. */
#include "oom/refuse.h"

static void tree_without_memory(void)
{
    rn_cancel *root = NULL, *child = NULL;
    refuse_begin();
    const int rc = rn_cancel_new(&root);
    const int child_rc = rn_cancel_child_until(&child, root, rn_in_s(1));
    refuse_end();
    CHECK_RC(rc, root == NULL ? RN_ENOMEM : 0);
    CHECK_RC(child_rc, child == NULL ? RN_ENOMEM : 0);
    CHECK((root == NULL || child == NULL) == was_refused());
    rn_cancel_request(root, -20001);
    CHECK_EQ(rn_cancel_cause(child), child != NULL && root != NULL ? -20001 : 0);
    rn_cancel_drop(root);
    rn_cancel_drop(child);
}

REFUSED(oom_cancel_tokens, RN__FAULT_ALLOC, 2, tree_without_memory)
