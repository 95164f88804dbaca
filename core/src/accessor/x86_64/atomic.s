// Replaces a word with one locked instruction (Intel SDM 3A, 9.1.2), which is a full barrier.
//
// These accessors have their own calling convention (x86_64.rs): they change only r11, the flags
// and the registers of their result. They return rax: former value, rdx: fault address, or 0.
//
// Swap and add take the address in rax and the operand in rdx. The exchange takes the address in
// rcx, the expected value in rax and the new one in rdx. Values are extended with zeros.

.macro sm_update name, how:vararg
sm_accessor \name
    sm_try 90f, \how
    mov rax, rdx
    xor edx, edx
    ret
90: xor eax, eax
    mov rdx, r11
    ret
sm_end \name
.endm

.macro sm_exchange name, how:vararg
sm_accessor \name
    sm_try 90f, lock cmpxchg \how
    xor edx, edx
    ret
90: xor eax, eax
    mov rdx, r11
    ret
sm_end \name
.endm

sm_update swap8, xchg byte ptr [rax], dl
sm_update swap16, xchg word ptr [rax], dx
sm_update swap32, xchg dword ptr [rax], edx
sm_update swap64, xchg qword ptr [rax], rdx
sm_update add8, lock xadd byte ptr [rax], dl
sm_update add16, lock xadd word ptr [rax], dx
sm_update add32, lock xadd dword ptr [rax], edx
sm_update add64, lock xadd qword ptr [rax], rdx
sm_exchange compare_exchange8, byte ptr [rcx], dl
sm_exchange compare_exchange16, word ptr [rcx], dx
sm_exchange compare_exchange32, dword ptr [rcx], edx
sm_exchange compare_exchange64, qword ptr [rcx], rdx

.purgem sm_update
.purgem sm_exchange
