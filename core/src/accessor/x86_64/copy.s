// Copies: ascending, and descending for a destination that overlaps the source from above.
//
// rdi: destination, rsi: source, rdx: length. Returns rax: bytes done, rdx: fault address, or 0.
//
// Each store comes after all loads of bytes that it could overwrite. After a fault the copy
// continues byte by byte from an offset before which no source byte is still needed. That is label
// 90: rdi, rsi and rdx (bytes left) describe that offset, and rax is the whole length.

// Lengths below 32: two overlapping halves. After a fault of the second store, the copy continues
// behind the first one.
.macro sm_copy_short
    cmp edx, 16
    jae 21f
    cmp edx, 8
    jae 22f
    cmp edx, 4
    jae 23f
    cmp edx, 1
    jb 25f
    je 24f
    sm_try 90f, movzx ecx, word ptr [rsi]
    sm_try 90f, movzx r8d, byte ptr [rsi + rdx - 1]
    sm_try 90f, mov word ptr [rdi], cx
    sm_try 72f, mov byte ptr [rdi + rdx - 1], r8b
    xor edx, edx
    ret
21: sm_try 90f, movups xmm0, xmmword ptr [rsi]
    sm_try 90f, movups xmm1, xmmword ptr [rsi + rdx - 16]
    sm_try 90f, movups xmmword ptr [rdi], xmm0
    sm_try 76f, movups xmmword ptr [rdi + rdx - 16], xmm1
    xor edx, edx
    ret
22: sm_try 90f, mov rcx, qword ptr [rsi]
    sm_try 90f, mov r8, qword ptr [rsi + rdx - 8]
    sm_try 90f, mov qword ptr [rdi], rcx
    sm_try 75f, mov qword ptr [rdi + rdx - 8], r8
    xor edx, edx
    ret
23: sm_try 90f, mov ecx, dword ptr [rsi]
    sm_try 90f, mov r8d, dword ptr [rsi + rdx - 4]
    sm_try 90f, mov dword ptr [rdi], ecx
    sm_try 74f, mov dword ptr [rdi + rdx - 4], r8d
    xor edx, edx
    ret
24: sm_try 90f, movzx ecx, byte ptr [rsi]
    sm_try 90f, mov byte ptr [rdi], cl
25: xor edx, edx
    ret
.endm

// Finishes a copy after a fault, up to the exact byte. The registers of `rep movsb` are exact when
// it faults.
.macro sm_copy_resume clean:vararg
77: mov ecx, 32
    jmp 79f
76: mov ecx, 16
    jmp 79f
75: mov ecx, 8
    jmp 79f
74: mov ecx, 4
    jmp 79f
72: mov ecx, 2
79: add rdi, rcx
    add rsi, rcx
    sub rdx, rcx
90: mov rcx, rdx
    \clean
    sm_try 91f, rep movsb
    xor edx, edx
    ret
91: sub rax, rcx
    mov rdx, r11
    ret
.endm

// Continues after a piece of `size` bytes.
.macro sm_step size
    add rsi, \size
    add rdi, \size
    sub rdx, \size
.endm

sm_accessor copy_avx2
    mov rax, rdx
    cmp rdx, 32
    jb 20f
    cmp rdx, 64
    ja 31f
    sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi]
    sm_try 90f, vmovdqu ymm1, ymmword ptr [rsi + rdx - 32]
    sm_try 90f, vmovdqu ymmword ptr [rdi], ymm0
    sm_try 77f, vmovdqu ymmword ptr [rdi + rdx - 32], ymm1
    vzeroupper
    xor edx, edx
    ret
20: sm_copy_short

31: cmp rdx, 128
    ja 32f
    sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi]
    sm_try 90f, vmovdqu ymm1, ymmword ptr [rsi + 32]
    sm_try 90f, vmovdqu ymm2, ymmword ptr [rsi + rdx - 64]
    sm_try 90f, vmovdqu ymm3, ymmword ptr [rsi + rdx - 32]
    sm_try 90f, vmovdqu ymmword ptr [rdi], ymm0
    sm_try 77f, vmovdqu ymmword ptr [rdi + 32], ymm1
    sm_try 61f, vmovdqu ymmword ptr [rdi + rdx - 64], ymm2
    sm_try 62f, vmovdqu ymmword ptr [rdi + rdx - 32], ymm3
    vzeroupper
    xor edx, edx
    ret
32: cmp rdx, 256
    ja 33f
    sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi]
    sm_try 90f, vmovdqu ymm1, ymmword ptr [rsi + 32]
    sm_try 90f, vmovdqu ymm2, ymmword ptr [rsi + 64]
    sm_try 90f, vmovdqu ymm3, ymmword ptr [rsi + 96]
    sm_try 90f, vmovdqu ymm4, ymmword ptr [rsi + rdx - 128]
    sm_try 90f, vmovdqu ymm5, ymmword ptr [rsi + rdx - 96]
    sm_try 90f, vmovdqu ymm6, ymmword ptr [rsi + rdx - 64]
    sm_try 90f, vmovdqu ymm7, ymmword ptr [rsi + rdx - 32]
    sm_try 90f, vmovdqu ymmword ptr [rdi], ymm0
    sm_try 77f, vmovdqu ymmword ptr [rdi + 32], ymm1
    sm_try 61f, vmovdqu ymmword ptr [rdi + 64], ymm2
    sm_try 63f, vmovdqu ymmword ptr [rdi + 96], ymm3
    sm_try 64f, vmovdqu ymmword ptr [rdi + rdx - 128], ymm4
    sm_try 65f, vmovdqu ymmword ptr [rdi + rdx - 96], ymm5
    sm_try 66f, vmovdqu ymmword ptr [rdi + rdx - 64], ymm6
    sm_try 67f, vmovdqu ymmword ptr [rdi + rdx - 32], ymm7
    vzeroupper
    xor edx, edx
    ret

    // From here on a step may be repeated only if the distance from destination to source is at
    // least its length.
33: mov rcx, rsi
    sub rcx, rdi
    cmp rcx, 256
    jb 60f
    // Medium lengths: `rep movsb`. On a Zen 4 it copies 4 KiB in 71 ns, the loop in 43 ns; from 32
    // KiB on there is no difference. Lengths that exceed the caches are faster in the loop.
40: lea rcx, [rdx - 8256]
    cmp rcx, 0x100000 - 8256
    jb 50f
    sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi]
    sm_try 90f, vmovdqu ymmword ptr [rdi], ymm0
    mov rcx, rdi
    and ecx, 31
    sub rcx, 32
    sub rdi, rcx
    sub rsi, rcx
    add rdx, rcx
    .balign 32
42: sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi]
    sm_try 90f, vmovdqu ymm1, ymmword ptr [rsi + 32]
    sm_try 90f, vmovdqu ymm2, ymmword ptr [rsi + 64]
    sm_try 90f, vmovdqu ymm3, ymmword ptr [rsi + 96]
    sm_try 90f, vmovdqa ymmword ptr [rdi], ymm0
    sm_try 90f, vmovdqa ymmword ptr [rdi + 32], ymm1
    sm_try 90f, vmovdqa ymmword ptr [rdi + 64], ymm2
    sm_try 90f, vmovdqa ymmword ptr [rdi + 96], ymm3
    sub rsi, -128
    sub rdi, -128
    add rdx, -128
    cmp rdx, 128
    ja 42b
    // The last 128 bytes, which overlap the ones before.
    sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi + rdx - 128]
    sm_try 90f, vmovdqu ymm1, ymmword ptr [rsi + rdx - 96]
    sm_try 90f, vmovdqu ymm2, ymmword ptr [rsi + rdx - 64]
    sm_try 90f, vmovdqu ymm3, ymmword ptr [rsi + rdx - 32]
    sm_try 90f, vmovdqu ymmword ptr [rdi + rdx - 128], ymm0
    sm_try 90f, vmovdqu ymmword ptr [rdi + rdx - 96], ymm1
    sm_try 90f, vmovdqu ymmword ptr [rdi + rdx - 64], ymm2
    sm_try 90f, vmovdqu ymmword ptr [rdi + rdx - 32], ymm3
    vzeroupper
    xor edx, edx
    ret

    // `rep movsb` is fast only for an aligned destination.
50: sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi]
    sm_try 90f, vmovdqu ymm1, ymmword ptr [rsi + 32]
    sm_try 90f, vmovdqu ymmword ptr [rdi], ymm0
    sm_try 90f, vmovdqu ymmword ptr [rdi + 32], ymm1
    mov rcx, rdi
    and ecx, 63
    sub rcx, 64
    sub rdi, rcx
    sub rsi, rcx
    add rcx, rdx
    vzeroupper
    sm_try 91f, rep movsb
    xor edx, edx
    ret

    // The source lies less than 256 bytes above the destination. No store overwrites bytes of the
    // source that follow the ones already stored, so each has its own fixup.
60: mov r8, rdi
    neg r8
    and r8d, 31
    cmp rcx, 32
    jb 2f
    sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi]
    sm_try 90f, vmovdqu ymmword ptr [rdi], ymm0
    add rdi, r8
    add rsi, r8
    sub rdx, r8
12: sub rdx, 128
    .balign 32
13: sm_try 19f, vmovdqu ymm0, ymmword ptr [rsi]
    sm_try 19f, vmovdqu ymm1, ymmword ptr [rsi + 32]
    sm_try 19f, vmovdqu ymm2, ymmword ptr [rsi + 64]
    sm_try 19f, vmovdqu ymm3, ymmword ptr [rsi + 96]
    sm_try 19f, vmovdqa ymmword ptr [rdi], ymm0
    sm_try 16f, vmovdqa ymmword ptr [rdi + 32], ymm1
    sm_try 17f, vmovdqa ymmword ptr [rdi + 64], ymm2
    sm_try 18f, vmovdqa ymmword ptr [rdi + 96], ymm3
    sub rsi, -128
    sub rdi, -128
    sub rdx, 128
    jae 13b
    sub rdx, -128
    cmp rdx, 32
    jb 15f
14: sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi]
    sm_try 90f, vmovdqu ymmword ptr [rdi], ymm0
    add rsi, 32
    add rdi, 32
    sub rdx, 32
    cmp rdx, 32
    jae 14b
15: vzeroupper
    jmp 20b
16: sub rdx, -128
    jmp 77f
17: sub rdx, -128
    jmp 61f
18: sub rdx, -128
    jmp 63f
19: sub rdx, -128
    jmp 90f

    // Closer than 32 bytes: aligns the destination by one piece for each bit of its address.
2: test r8d, 1
    jz 3f
    sm_try 90f, movzx ecx, byte ptr [rsi]
    sm_try 90f, mov byte ptr [rdi], cl
    sm_step 1
3: test r8d, 2
    jz 4f
    sm_try 90f, movzx ecx, word ptr [rsi]
    sm_try 90f, mov word ptr [rdi], cx
    sm_step 2
4: test r8d, 4
    jz 5f
    sm_try 90f, mov ecx, dword ptr [rsi]
    sm_try 90f, mov dword ptr [rdi], ecx
    sm_step 4
5: test r8d, 8
    jz 6f
    sm_try 90f, mov rcx, qword ptr [rsi]
    sm_try 90f, mov qword ptr [rdi], rcx
    sm_step 8
6: test r8d, 16
    jz 12b
    sm_try 90f, vmovdqu xmm0, xmmword ptr [rsi]
    sm_try 90f, vmovdqu xmmword ptr [rdi], xmm0
    sm_step 16
    jmp 12b

    // A store faulted after all loads. The bytes done are those before the store, or before the end
    // of the previous stores if that is further.
61: mov ecx, 64
    jmp 79f
62: mov ecx, 64
    lea r8, [rdx - 32]
    jmp 68f
63: mov ecx, 96
    jmp 79f
64: mov ecx, 128
    jmp 79f
65: lea r8, [rdx - 96]
    mov ecx, 128
    jmp 68f
66: lea r8, [rdx - 64]
    mov ecx, 128
    jmp 68f
67: lea r8, [rdx - 32]
    mov ecx, 128
68: cmp rcx, r8
    cmovb rcx, r8
    jmp 79f
    sm_copy_resume vzeroupper
sm_end copy_avx2

sm_accessor copy_sse2
    mov rax, rdx
    cmp rdx, 32
    jae 30f
20: sm_copy_short

30: mov rcx, rsi
    sub rcx, rdi
    cmp rcx, 64
    jb 60f
    cmp rdx, 2048
    jae 50f
    sub rdx, 64
    jb 33f
32: sm_try 34f, movups xmm0, xmmword ptr [rsi]
    sm_try 34f, movups xmm1, xmmword ptr [rsi + 16]
    sm_try 34f, movups xmm2, xmmword ptr [rsi + 32]
    sm_try 34f, movups xmm3, xmmword ptr [rsi + 48]
    sm_try 34f, movups xmmword ptr [rdi], xmm0
    sm_try 34f, movups xmmword ptr [rdi + 16], xmm1
    sm_try 34f, movups xmmword ptr [rdi + 32], xmm2
    sm_try 34f, movups xmmword ptr [rdi + 48], xmm3
    add rsi, 64
    add rdi, 64
    sub rdx, 64
    jae 32b
33: add rdx, 64
    cmp rdx, 32
    jb 20b
    jmp 60f
34: add rdx, 64
    jmp 90f

50: mov rcx, rdx
    sm_try 91f, rep movsb
    xor edx, edx
    ret

60: sm_try 90f, movups xmm0, xmmword ptr [rsi]
    sm_try 90f, movups xmmword ptr [rdi], xmm0
    add rsi, 16
    add rdi, 16
    sub rdx, 16
    cmp rdx, 32
    jae 60b
    jmp 20b
    sm_copy_resume
sm_end copy_sse2

// Descending: rdx bytes are left, below the addresses rdi + rdx and rsi + rdx. The higher half is
// copied first.
.macro sm_back_short clean:vararg
    cmp edx, 16
    jae 21f
    cmp edx, 8
    jae 22f
    cmp edx, 4
    jae 23f
    test edx, edx
    jnz 92f
    xor edx, edx
    ret
21: sm_try 90f, movups xmm0, xmmword ptr [rsi + rdx - 16]
    sm_try 90f, movups xmm1, xmmword ptr [rsi]
    sm_try 90f, movups xmmword ptr [rdi + rdx - 16], xmm0
    sm_try 76f, movups xmmword ptr [rdi], xmm1
    xor edx, edx
    ret
22: sm_try 90f, mov rcx, qword ptr [rsi + rdx - 8]
    sm_try 90f, mov r8, qword ptr [rsi]
    sm_try 90f, mov qword ptr [rdi + rdx - 8], rcx
    sm_try 75f, mov qword ptr [rdi], r8
    xor edx, edx
    ret
23: sm_try 90f, mov ecx, dword ptr [rsi + rdx - 4]
    sm_try 90f, mov r8d, dword ptr [rsi]
    sm_try 90f, mov dword ptr [rdi + rdx - 4], ecx
    sm_try 74f, mov dword ptr [rdi], r8d
    xor edx, edx
    ret
76: sub rdx, 16
    jmp 90f
75: sub rdx, 8
    jmp 90f
74: sub rdx, 4
90: \clean
    test rdx, rdx
    jz 93f
92: sm_try 94f, movzx ecx, byte ptr [rsi + rdx - 1]
    sm_try 94f, mov byte ptr [rdi + rdx - 1], cl
    sub rdx, 1
    jnz 92b
93: xor edx, edx
    ret
94: sub rax, rdx
    mov rdx, r11
    ret
.endm

sm_accessor copy_back_avx2
    mov rax, rdx
    cmp rdx, 32
    jb 20f
    cmp rdx, 256
    jb 60f
    // No store overwrites bytes of the source below the ones already stored, so each has its own
    // fixup. The end of the destination is aligned, by one piece for each bit of its address if the
    // source is closer than 32 bytes.
    lea r8, [rdi + rdx]
    and r8d, 31
    mov rcx, rdi
    sub rcx, rsi
    cmp rcx, 32
    jb 40f
    sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi + rdx - 32]
    sm_try 90f, vmovdqu ymmword ptr [rdi + rdx - 32], ymm0
    sub rdx, r8
31: sub rdx, 128
    .balign 32
32: sm_try 34f, vmovdqu ymm0, ymmword ptr [rsi + rdx + 96]
    sm_try 34f, vmovdqu ymm1, ymmword ptr [rsi + rdx + 64]
    sm_try 34f, vmovdqu ymm2, ymmword ptr [rsi + rdx + 32]
    sm_try 34f, vmovdqu ymm3, ymmword ptr [rsi + rdx]
    sm_try 34f, vmovdqa ymmword ptr [rdi + rdx + 96], ymm0
    sm_try 35f, vmovdqa ymmword ptr [rdi + rdx + 64], ymm1
    sm_try 36f, vmovdqa ymmword ptr [rdi + rdx + 32], ymm2
    sm_try 37f, vmovdqa ymmword ptr [rdi + rdx], ymm3
    sub rdx, 128
    jae 32b
    sub rdx, -128
    cmp rdx, 32
    jae 60f
    vzeroupper
    jmp 20f
34: sub rdx, -128
    jmp 90f
35: add rdx, 96
    jmp 90f
36: add rdx, 64
    jmp 90f
37: add rdx, 32
    jmp 90f
40: test r8d, 1
    jz 41f
    sm_try 90f, movzx ecx, byte ptr [rsi + rdx - 1]
    sm_try 90f, mov byte ptr [rdi + rdx - 1], cl
    sub rdx, 1
41: test r8d, 2
    jz 42f
    sm_try 90f, movzx ecx, word ptr [rsi + rdx - 2]
    sm_try 90f, mov word ptr [rdi + rdx - 2], cx
    sub rdx, 2
42: test r8d, 4
    jz 43f
    sm_try 90f, mov ecx, dword ptr [rsi + rdx - 4]
    sm_try 90f, mov dword ptr [rdi + rdx - 4], ecx
    sub rdx, 4
43: test r8d, 8
    jz 44f
    sm_try 90f, mov rcx, qword ptr [rsi + rdx - 8]
    sm_try 90f, mov qword ptr [rdi + rdx - 8], rcx
    sub rdx, 8
44: test r8d, 16
    jz 31b
    sm_try 90f, vmovdqu xmm0, xmmword ptr [rsi + rdx - 16]
    sm_try 90f, vmovdqu xmmword ptr [rdi + rdx - 16], xmm0
    sub rdx, 16
    jmp 31b
60: sm_try 90f, vmovdqu ymm0, ymmword ptr [rsi + rdx - 32]
    sm_try 90f, vmovdqu ymmword ptr [rdi + rdx - 32], ymm0
    sub rdx, 32
    cmp rdx, 32
    jae 60b
    vzeroupper
20: sm_back_short vzeroupper
sm_end copy_back_avx2

sm_accessor copy_back_sse2
    mov rax, rdx
    cmp rdx, 32
    jb 20f
60: sm_try 90f, movups xmm0, xmmword ptr [rsi + rdx - 16]
    sm_try 90f, movups xmmword ptr [rdi + rdx - 16], xmm0
    sub rdx, 16
    cmp rdx, 32
    jae 60b
20: sm_back_short
sm_end copy_back_sse2

.purgem sm_copy_short
.purgem sm_step
.purgem sm_copy_resume
.purgem sm_back_short
