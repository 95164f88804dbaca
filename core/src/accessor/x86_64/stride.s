// Copies bytes with a stride: `gather` to consecutive addresses, `scatter` from consecutive
// addresses.
//
// rdi: destination, rsi: source, rdx: number of bytes, rcx: stride, which may be negative. Returns
// rax: bytes done, rdx: fault address, or 0.
//
// Each iteration copies four bytes. After a fault the copy continues byte by byte from the start of
// the iteration (label 34).

.macro sm_stride name, from1, from2, from3, to1, to2, to3, next_from, next_to, one_from, one_to
sm_accessor \name
    mov rax, rdx
    lea r10, [rcx + rcx * 2]
    sub rdx, 4
    jb 34f
    .balign 16
32: sm_try 34f, movzx r8d, byte ptr [rsi]
    sm_try 34f, movzx r9d, byte ptr [\from1]
    sm_try 34f, mov [rdi], r8b
    sm_try 34f, mov [\to1], r9b
    sm_try 34f, movzx r8d, byte ptr [\from2]
    sm_try 34f, movzx r9d, byte ptr [\from3]
    sm_try 34f, mov [\to2], r8b
    sm_try 34f, mov [\to3], r9b
    lea rsi, [\next_from]
    lea rdi, [\next_to]
    sub rdx, 4
    jae 32b
34: add rdx, 4
    jz 36f
35: sm_try 37f, movzx r8d, byte ptr [rsi]
    sm_try 37f, mov [rdi], r8b
    lea rsi, [\one_from]
    lea rdi, [\one_to]
    dec rdx
    jnz 35b
36: xor edx, edx
    ret
37: sub rax, rdx
    mov rdx, r11
    ret
sm_end \name
.endm

sm_stride gather, rsi+rcx,rsi+rcx*2,rsi+r10, rdi+1,rdi+2,rdi+3, rsi+rcx*4,rdi+4, rsi+rcx,rdi+1
sm_stride scatter, rsi+1,rsi+2,rsi+3, rdi+rcx,rdi+rcx*2,rdi+r10, rsi+4,rdi+rcx*4, rsi+1,rdi+rcx

.purgem sm_stride
