// Fills a range with one byte.
//
// rdi: destination, esi: byte, rdx: length. Returns rax: bytes done, rdx: fault address, or 0.
//
// Bytes may be written twice. After a fault `rep stosb` continues from rdi with rdx bytes left
// (label 90; r8 is the whole length, al the byte).

.macro sm_fill_short
    movzx eax, sil
    imul rax, r9
    cmp edx, 16
    jae 21f
    cmp edx, 8
    jae 22f
    cmp edx, 4
    jae 23f
    mov ecx, edx
    shr ecx, 1
    jz 24f
    sm_try 90f, mov word ptr [rdi], ax
24: test edx, edx
    jz 25f
    sm_try 90f, mov byte ptr [rdi + rdx - 1], al
25: mov rax, r8
    xor edx, edx
    ret
21: movq xmm0, rax
    punpcklqdq xmm0, xmm0
    sm_try 90f, movups xmmword ptr [rdi], xmm0
    sm_try 90f, movups xmmword ptr [rdi + rdx - 16], xmm0
    mov rax, r8
    xor edx, edx
    ret
22: sm_try 90f, mov qword ptr [rdi], rax
    sm_try 90f, mov qword ptr [rdi + rdx - 8], rax
    mov rax, r8
    xor edx, edx
    ret
23: sm_try 90f, mov dword ptr [rdi], eax
    sm_try 90f, mov dword ptr [rdi + rdx - 4], eax
    mov rax, r8
    xor edx, edx
    ret
.endm

.macro sm_fill_resume
90: mov rcx, rdx
    sm_try 91f, rep stosb
    mov rax, r8
    xor edx, edx
    ret
91: mov rax, r8
    sub rax, rcx
    mov rdx, r11
    ret
.endm

sm_accessor fill_avx2
    mov r8, rdx
    movabs r9, 0x0101010101010101
    cmp rdx, 32
    jae 30f
    sm_fill_short
30: movzx eax, sil
    cmp rdx, 2048
    jae 90f
    vmovd xmm0, eax
    vpbroadcastb ymm0, xmm0
    cmp rdx, 128
    ja 32f
    sm_try 89f, vmovdqu ymmword ptr [rdi], ymm0
    sm_try 89f, vmovdqu ymmword ptr [rdi + rdx - 32], ymm0
    cmp rdx, 64
    jbe 35f
    sm_try 89f, vmovdqu ymmword ptr [rdi + 32], ymm0
    sm_try 89f, vmovdqu ymmword ptr [rdi + rdx - 64], ymm0
    jmp 35f
    .balign 32
32: sm_try 89f, vmovdqu ymmword ptr [rdi], ymm0
    sm_try 89f, vmovdqu ymmword ptr [rdi + 32], ymm0
    sm_try 89f, vmovdqu ymmword ptr [rdi + 64], ymm0
    sm_try 89f, vmovdqu ymmword ptr [rdi + 96], ymm0
    sub rdi, -128
    add rdx, -128
    cmp rdx, 128
    jae 32b
33: cmp rdx, 32
    jb 34f
    sm_try 89f, vmovdqu ymmword ptr [rdi], ymm0
    add rdi, 32
    sub rdx, 32
    jmp 33b
    // At least 32 bytes are done, so the last store overlaps them.
34: test rdx, rdx
    jz 35f
    sm_try 89f, vmovdqu ymmword ptr [rdi + rdx - 32], ymm0
35: vzeroupper
    mov rax, r8
    xor edx, edx
    ret
89: vzeroupper
    sm_fill_resume
sm_end fill_avx2

sm_accessor fill_sse2
    mov r8, rdx
    movabs r9, 0x0101010101010101
    cmp rdx, 32
    jae 30f
    sm_fill_short
30: movzx eax, sil
    cmp rdx, 2048
    jae 90f
    imul r9, rax
    movq xmm0, r9
    punpcklqdq xmm0, xmm0
33: sm_try 90f, movups xmmword ptr [rdi], xmm0
    add rdi, 16
    sub rdx, 16
    cmp rdx, 16
    jae 33b
    test rdx, rdx
    jz 35f
    sm_try 90f, movups xmmword ptr [rdi + rdx - 16], xmm0
35: mov rax, r8
    xor edx, edx
    ret
    sm_fill_resume
sm_end fill_sse2

.purgem sm_fill_short
.purgem sm_fill_resume
