// Loads and stores a word with one instruction, at any address.
//
// Loads take the address in x0. They return x0: value, x1: fault address, or 0.
// Stores take the address in x0 and the value in x1. They return x0: fault address, or 0.

.macro sm_load name, how:vararg
sm_accessor \name
    sm_try 90f, \how, [x0]
    mov x1, xzr
    ret
90: mov x0, xzr
    mov x1, x17
    ret
sm_end \name
.endm

.macro sm_store name, how:vararg
sm_accessor \name
    sm_try 90f, \how, [x0]
    mov x0, xzr
    ret
90: mov x0, x17
    ret
sm_end \name
.endm

sm_load load8, ldrb w0
sm_load load16, ldrh w0
sm_load load32, ldr w0
sm_load load64, ldr x0
sm_store store8, strb w1
sm_store store16, strh w1
sm_store store32, str w1
sm_store store64, str x1

.purgem sm_load
.purgem sm_store
