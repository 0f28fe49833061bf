# Multiboot entry: 32-bit protected mode to 64-bit mode, first GiB mapped one to one, SSE, AVX and AVX-512 switched on.
.set MAGIC, 0x1BADB002
.set FLAGS, 0x3

.section .multiboot, "a"
.align 4
.long MAGIC, FLAGS, -(MAGIC + FLAGS)

.section .bss
.align 4096
pml4: .skip 4096
pdpt: .skip 4096
pd:   .skip 4096
.align 64
stack: .skip 1048576
stack_top:

.section .data
.align 16
gdt:  .quad 0, 0x00AF9A000000FFFF, 0x00AF92000000FFFF
gdtp: .word 23
      .long gdt

.section .text
.code32
.global _start
_start:
  cli
  movl $stack_top, %esp
  movl $pdpt, %eax
  orl $3, %eax
  movl %eax, pml4
  movl $pd, %eax
  orl $3, %eax
  movl %eax, pdpt
  xorl %ecx, %ecx
1:
  movl %ecx, %eax
  shll $21, %eax
  orl $0x83, %eax              # 2 MiB page: present, writable
  movl %eax, pd(,%ecx,8)
  incl %ecx
  cmpl $512, %ecx
  jne 1b
  movl $pml4, %eax
  movl %eax, %cr3
  movl %cr4, %eax
  orl $0x40620, %eax           # PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
  movl %eax, %cr4
  movl $0xC0000080, %ecx
  rdmsr
  orl $0x100, %eax             # EFER.LME
  wrmsr
  movl %cr0, %eax
  andl $~4, %eax
  orl $0x80000003, %eax        # PG, MP, PE; not EM
  movl %eax, %cr0
  lgdt gdtp
  ljmp $8, $long_mode

.code64
long_mode:
  movw $16, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  xorl %ecx, %ecx
  movl $0xE7, %eax             # XCR0: x87, SSE, AVX, opmask, upper ZMM
  xorl %edx, %edx
  xsetbv
  movabsq $stack_top, %rsp
  call bare_main
2:
  hlt
  jmp 2b

.section .note.GNU-stack, "", @progbits
