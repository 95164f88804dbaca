// Loads and stores a word with one instruction, at any address.
//
// They change nothing but r11, the flags and what they return, and their callers rely on it (x86_64.rs).
//
// Loads take the address in rdi and return rax: value, rdx: address that could not be accessed, or 0.
// Stores take the address in rdi and the value in rsi and return the address that could not be accessed, or 0.

.macro sm_load name, how:vararg
sm_kernel \name
    sm_try 90f, \how [rdi]
    xor edx, edx
    ret
90: xor eax, eax
    mov rdx, r11
    ret
sm_end \name
.endm

.macro sm_store name, from
sm_kernel \name
    sm_try 90f, mov [rdi], \from
    xor eax, eax
    ret
90: mov rax, r11
    ret
sm_end \name
.endm

sm_load load8, movzx eax, byte ptr
sm_load load16, movzx eax, word ptr
sm_load load32, mov eax, dword ptr
sm_load load64, mov rax, qword ptr
sm_store store8, sil
sm_store store16, si
sm_store store32, esi
sm_store store64, rsi

.purgem sm_load
.purgem sm_store
