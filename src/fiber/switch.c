/* SPDX-License-Identifier: MIT */
/* switch.c - the switch itself, for x86-64 and aarch64 in a few lines of assembly, and by ucontext elsewhere.
 *
 * The assembly saves nothing but the frame pointer and the place to go on at: every other register is named as
 * changed, so the compiler saves those that the ABI makes ours to keep, and describes that to debuggers. The frame
 * pointer cannot be named (gcc at -O0 and with -fno-omit-frame-pointer refuses), so it is pushed by hand. It stands
 * in a function that is never inlined: addresses that a compiler may compute once and keep (errno, thread-locals)
 * stay with callers who wake up on the same thread, and what unwinders see is an ordinary call. A jump, not a
 * return, goes to the other side: the processor's return predictor has nothing useful to say about it.
 *
 *     a fiber that is switched out                       one that has not run
 *     stack_pointer -> | frame pointer   |               stack_pointer -> | 0                  | ends frame chains
 *                      | where to go on  |                                | rn__fiber_start    |
 *                      | (128 B, x86-64) | red zone                       | struct first_call  |
 *                      | the caller's ...|                                ---------- top
 *
 * What a switch does not carry from fiber to fiber: the signal mask, uselocale(), the values of thread-locals, and
 * without RN__FIBER_FLOAT_CONTROL the rounding mode. They belong to the worker's thread.
 *
 * No shadow stack is switched: this file is compiled with -fcf-protection=none, so that a loader which asks for
 * shadow stacks sees that the program has none.
 *
 * With RN_FIBER_UCONTEXT the same interface stands on swapcontext(): for ports, and to check the assembly against
 * something. It costs two system calls a switch, and gives each fiber a rounding mode of its own, asked for or not,
 * that begins as the mode of whoever prepared it.
 */
#include "fiber/switch.h"

#include "base/annotate.h"
#include "base/log.h"
#include "platform/platform.h"

#include <errno.h>

#ifdef RN_FIBER_UCONTEXT
#include <ucontext.h>
#endif

/* gcc looks into functions of the same file, inlined or not, to see which registers they really change. */
#if defined(__GNUC__) && !defined(__clang__)
#define SWITCHES __attribute__((noinline, noipa)) RN__UNINSTRUMENTED
#else
#define SWITCHES __attribute__((noinline)) RN__UNINSTRUMENTED
#endif

/* What a new fiber finds at the top of its stack. */
struct first_call {
    void (*entry)(void *arg);
    void *arg;
    struct rn__fiber *fiber;
    void *unused; /* keeps 16-byte alignment */
};

RN__NORETURN void rn__fiber_begin(const struct first_call *first);

/* -- the jump -------------------------------------------------------------------------------------------------- */

#ifdef RN_FIBER_UCONTEXT

/* makecontext() passes ints only: a pointer goes in two. */
static void begin_in_halves(unsigned high, unsigned low)
{
    rn__fiber_begin((const struct first_call *)(((uintptr_t)high << 32) | low));
}

static void *prepare_stack(char *low, const struct first_call *first)
{
    const uintptr_t at = ((uintptr_t)first - sizeof(ucontext_t)) & ~(uintptr_t)63;
    ucontext_t *context = (ucontext_t *)at;
    (void)getcontext(context);
    context->uc_link = NULL;
    context->uc_stack.ss_sp = low;
    context->uc_stack.ss_size = (size_t)((char *)context - low);
    const uintptr_t argument = (uintptr_t)first;
    makecontext(context, (void (*)(void))(uintptr_t)begin_in_halves, 2, (unsigned)(argument >> 32),
                (unsigned)argument);
    return context;
}

RN__ALWAYS_INLINE void jump(void **save, void *target)
{
    ucontext_t here; /* on the stack that is left: it stays as long as somebody may come back */
    *save = &here;
    (void)swapcontext(&here, target);
}

#else

extern const char rn__fiber_start[] __attribute__((visibility("hidden")));

static void *prepare_stack(char *low, const struct first_call *first)
{
    struct rn__saved_frame *frame = (struct rn__saved_frame *)(uintptr_t)first - 1;
    (void)low;
    frame->frame_pointer = NULL;
    frame->program_counter = (void *)(uintptr_t)rn__fiber_start;
    return frame;
}

#if defined(__x86_64__)

/* Where every fiber starts: the stack pointer is at its struct first_call, 16-byte aligned. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl rn__fiber_start\n"
        ".hidden rn__fiber_start\n"
        ".type rn__fiber_start, %function\n"
        "rn__fiber_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        ".cfi_undefined rbp\n"
        "    movq %rsp, %rdi\n"
        "    call rn__fiber_begin\n"
        "    ud2\n"
        ".cfi_endproc\n"
        ".size rn__fiber_start, . - rn__fiber_start\n");

#if defined(__AVX512F__)
#define MORE_REGISTERS                                                                                               \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",    \
        "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define MORE_REGISTERS
#endif

/* The caller's frame may use 128 bytes below the stack pointer (the red zone) without saying so. */
RN__ALWAYS_INLINE void jump(void **save, void *target)
{
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "pushq %%rbp\n\t"
                     "movq %%rsp, (%%rdi)\n\t"
                     "movq %%rsi, %%rsp\n\t"
                     "popq %%rbp\n\t"
                     "popq %%rax\n\t"
                     "jmp *%%rax\n"
                     "1:\n\t"
                     "leaq 128(%%rsp), %%rsp\n\t"
                     : "+D"(save), "+S"(target)
                     :
                     : "memory", "cc", "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                       "xmm11", "xmm12", "xmm13", "xmm14", "xmm15" MORE_REGISTERS);
}

#elif defined(__aarch64__)

/* `hint 36` is `bti j`: this may be jumped to, where the system checks that. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl rn__fiber_start\n"
        ".hidden rn__fiber_start\n"
        ".type rn__fiber_start, %function\n"
        "rn__fiber_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined x30\n"
        ".cfi_undefined x29\n"
        "    hint #36\n"
        "    mov x0, sp\n"
        "    bl rn__fiber_begin\n"
        "    brk #1\n"
        ".cfi_endproc\n"
        ".size rn__fiber_start, . - rn__fiber_start\n");

RN__ALWAYS_INLINE void jump(void **save, void *target)
{
    register void **save_in __asm__("x0") = save;
    register void *target_in __asm__("x1") = target;
    __asm__ volatile("adr x9, 1f\n\t"
                     "stp x29, x9, [sp, #-16]!\n\t"
                     "mov x10, sp\n\t"
                     "str x10, [x0]\n\t"
                     "mov sp, x1\n\t"
                     "ldp x29, x9, [sp], #16\n\t"
                     "br x9\n"
                     "1:\n\t"
                     "hint #36\n\t"
                     : "+r"(save_in), "+r"(target_in)
                     :
                     : "memory", "cc", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
                       "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11",
                       "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24",
                       "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

#else
#error "no switch for this processor: compile with -DRN_FIBER_UCONTEXT"
#endif
#endif

/* -- what goes along with the registers ------------------------------------------------------------------------ */

/* The C++ runtime keeps the exceptions being handled in a thread-local: a task that waits inside a catch block
 * would find those of the next one. Weak: it is there only if a C++ runtime is part of the program. */
struct cxx_globals {
    void *words[2];
};
extern struct cxx_globals *__cxa_get_globals(void) __attribute__((weak, visibility("default")));

RN__ALWAYS_INLINE void exchange_exceptions(struct rn__fiber *from, const struct rn__fiber *to)
{
    if (__cxa_get_globals == NULL)
        return;
    struct cxx_globals *globals = __cxa_get_globals();
    for (int i = 0; i < 2; i++) {
        from->cxx_exceptions[i] = globals->words[i];
        globals->words[i] = to->cxx_exceptions[i];
    }
}

/* No processor has this bit in what we read; it tells a fiber that has not run yet. */
#define FLOAT_UNSET (UINT64_C(1) << 63)

#ifndef RN_FIBER_UCONTEXT /* swapcontext() does this in its own way */
static uint64_t read_float_control(void)
{
#if defined(__x86_64__)
    uint32_t sse = 0;
    uint16_t x87 = 0;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(sse), "=m"(x87));
    return (uint64_t)x87 << 32 | sse;
#elif defined(__aarch64__)
    uint64_t control = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return control;
#else
    return 0;
#endif
}

static void write_float_control(uint64_t control)
{
#if defined(__x86_64__)
    const uint32_t sse = (uint32_t)control;
    const uint16_t x87 = (uint16_t)(control >> 32);
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(sse), "m"(x87));
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(control));
#else
    (void)control;
#endif
}

static RN__UNINSTRUMENTED RN__NOINLINE void exchange_float_control(struct rn__fiber *from, struct rn__fiber *to)
{
    const uint64_t now = read_float_control();
    uint64_t elsewhere = now;
    if ((from->flags & RN__FIBER_FLOAT_CONTROL) != 0) {
        from->float_control = now;
        elsewhere = from->float_elsewhere;
    }
    if ((to->flags & RN__FIBER_FLOAT_CONTROL) == 0) {
        write_float_control(elsewhere);
        return;
    }
    to->float_elsewhere = elsewhere;
    write_float_control(to->float_control == FLOAT_UNSET ? elsewhere : to->float_control);
}
#endif

/* errno is written here, before the jump, by the thread that resumes: after it, a compiler that computed the
 * address of errno once could use another thread's. */
RN__ALWAYS_INLINE void exchange_state(struct rn__fiber *from, struct rn__fiber *to)
{
    rn__assert(from != to);
    rn__assert(to->stack_pointer != NULL);
#ifndef NDEBUG
    if (from->stack != NULL && !rn__stack_is_intact(from->stack))
        rn__stack_overflow_found(from->stack);
#endif
#ifndef RN_FIBER_UCONTEXT
    if (RN__UNLIKELY(((from->flags | to->flags) & RN__FIBER_FLOAT_CONTROL) != 0))
        exchange_float_control(from, to);
#endif
    exchange_exceptions(from, to);
    from->saved_errno = errno;
    errno = to->saved_errno;
}

/* NULL while it runs, so that an assertion finds a second resume. */
RN__ALWAYS_INLINE void *take_stack_pointer(struct rn__fiber *to)
{
    void *stack_pointer = to->stack_pointer;
#ifndef NDEBUG
    to->stack_pointer = NULL;
#endif
    return stack_pointer;
}

#if RN__ANNOTATES_FIBERS
#define ANNOTATE(fiber) (&(fiber)->annotated)
#else
#define ANNOTATE(fiber) NULL
#endif

/* -- the interface --------------------------------------------------------------------------------------------- */

RN__UNINSTRUMENTED void rn__fiber_prepare(struct rn__fiber *fiber, struct rn__stack *stack, void (*entry)(void *arg),
                                          void *arg)
{
    struct first_call *first = (struct first_call *)((uintptr_t)stack->top & ~(uintptr_t)15) - 1;
    *fiber = (struct rn__fiber){.stack = stack, .float_control = FLOAT_UNSET};
#if RN__ANNOTATES_FIBERS
    rn__annotate_prepare(&fiber->annotated, stack->low, (size_t)(stack->top - stack->low), &stack->sanitizer_fiber);
#endif
    *first = (struct first_call){.entry = entry, .arg = arg, .fiber = fiber};
    fiber->stack_pointer = prepare_stack(stack->low, first);
}

/* Not static: the assembly above calls it. */
__attribute__((used, visibility("hidden"))) RN__UNINSTRUMENTED void rn__fiber_begin(const struct first_call *first)
{
    rn__annotate_arrive(ANNOTATE(first->fiber));
    first->entry(first->arg);
    rn__die(__FILE__, __LINE__, "the entry of a fiber returned");
}

SWITCHES void rn__fiber_switch(struct rn__fiber *from, struct rn__fiber *to)
{
    exchange_state(from, to);
    rn__annotate_leave(ANNOTATE(from), ANNOTATE(to), false);
    jump(&from->stack_pointer, take_stack_pointer(to));
    rn__annotate_arrive(ANNOTATE(from));
}

SWITCHES void rn__fiber_leave(struct rn__fiber *from, struct rn__fiber *to)
{
    void *nowhere; /* on the true stack: `from` may be in a fake frame, which the annotation frees */
    exchange_state(from, to);
    rn__annotate_leave(ANNOTATE(from), ANNOTATE(to), true);
    jump(&nowhere, take_stack_pointer(to));
    __builtin_unreachable();
}

RN__UNINSTRUMENTED void rn__fiber_adopt_thread(struct rn__fiber *fiber)
{
    *fiber = (struct rn__fiber){.float_control = FLOAT_UNSET};
#if RN__ANNOTATES_FIBERS
    char *low = NULL;
    size_t size = 0;
    const struct rn__stack *ours = rn__stack_find(&low); /* in the child of a fork, which a task called */
    if (ours == NULL)
        (void)rn__platform_thread_stack(&low, &size);
    else
        low = ours->low, size = rn__stack_class_size(ours->size_class);
    rn__annotate_thread(&fiber->annotated, low, size);
#endif
}

void rn__fiber_release_thread(struct rn__fiber *fiber)
{
    *fiber = (struct rn__fiber){.float_control = FLOAT_UNSET};
}
