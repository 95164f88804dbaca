// Loads and stores a word with one instruction, at any address.
//
// These accessors have their own calling convention (x86_64.rs): they change only r11, the flags
// and the registers of their result.
//
// Loads take the address in rax. They return rax: value, rdx: fault address, or 0.
// Stores take the address in rax and the value in rdx. They return rax: fault address, or 0.

.macro sm_load name, how:vararg
sm_accessor \name
    sm_try 90f, \how [rax]
    xor edx, edx
    ret
90: xor eax, eax
    mov rdx, r11
    ret
sm_end \name
.endm

.macro sm_store name, from
sm_accessor \name
    sm_try 90f, mov [rax], \from
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
sm_store store8, dl
sm_store store16, dx
sm_store store32, edx
sm_store store64, rdx

.purgem sm_load
.purgem sm_store
