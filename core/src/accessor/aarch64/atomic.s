// Replaces an aligned word: a load-acquire exclusive and a store-release exclusive, repeated until
// no other access came in between (Arm ARM, B2.12).
//
// The accessors return x0: former value, x1: fault address, or 0. Swap and add take the address in
// x0 and the operand in x1. The exchange takes the address in x0, the expected value in x1 and the
// new one in x2. Values are extended with zeros.

.macro sm_update name, load, store, new:vararg
sm_accessor \name
70: sm_try 90f, \load, [x0]
    \new
    sm_try 90f, \store, [x0]
    cbnz w4, 70b
    mov x0, x2
    mov x1, xzr
    ret
90: mov x0, xzr
    mov x1, x17
    ret
sm_end \name
.endm

.macro sm_exchange name, load, store
sm_accessor \name
70: sm_try 90f, \load, [x0]
    cmp x3, x1
    b.ne 80f
    sm_try 90f, \store, [x0]
    cbnz w4, 70b
    mov x0, x3
    mov x1, xzr
    ret
80: clrex
    mov x0, x3
    mov x1, xzr
    ret
90: mov x0, xzr
    mov x1, x17
    ret
sm_end \name
.endm

sm_update swap8, "ldaxrb w2", "stlxrb w4, w3", mov x3, x1
sm_update swap16, "ldaxrh w2", "stlxrh w4, w3", mov x3, x1
sm_update swap32, "ldaxr w2", "stlxr w4, w3", mov x3, x1
sm_update swap64, "ldaxr x2", "stlxr w4, x3", mov x3, x1
sm_update add8, "ldaxrb w2", "stlxrb w4, w3", add x3, x2, x1
sm_update add16, "ldaxrh w2", "stlxrh w4, w3", add x3, x2, x1
sm_update add32, "ldaxr w2", "stlxr w4, w3", add x3, x2, x1
sm_update add64, "ldaxr x2", "stlxr w4, x3", add x3, x2, x1
sm_exchange compare_exchange8, "ldaxrb w3", "stlxrb w4, w2"
sm_exchange compare_exchange16, "ldaxrh w3", "stlxrh w4, w2"
sm_exchange compare_exchange32, "ldaxr w3", "stlxr w4, w2"
sm_exchange compare_exchange64, "ldaxr x3", "stlxr w4, x2"

.purgem sm_update
.purgem sm_exchange
