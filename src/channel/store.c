/* SPDX-License-Identifier: MIT */
/* store.c - what all stores of messages have in common (contract in store.h). */
#include "channel/store.h"

void rn__store_clear(struct rn__store *store)
{
    void *memory;
    while (store->element->drop != NULL && store->content.length > 0) {
        rn__element_drop(store->element, store->kind->first(store));
        store->kind->pop(store, NULL, &memory);
        if (memory != NULL)
            store->kind->release(store, memory);
    }
    store->kind->fini(store);
}
