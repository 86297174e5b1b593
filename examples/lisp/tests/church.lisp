; Numbers made of nothing but procedures.
(define zero (lambda (f) (lambda (x) x)))
(define (next n) (lambda (f) (lambda (x) (f ((n f) x)))))
(define (plus a b) (lambda (f) (lambda (x) ((a f) ((b f) x)))))
(define (times a b) (lambda (f) (a (b f))))
(define (power a b) (b a))
(define (number n) ((n (lambda (x) (+ x 1))) 0))
(define three (next (next (next zero))))
(define four (next three))
(display (list (number zero) (number (plus three four)) (number (times three four)) (number (power three four))))
(newline)

; Pairs, and from them the number before.
(define (pair a b) (lambda (f) ((f a) b)))
(define (left p) (p (lambda (a) (lambda (b) a))))
(define (right p) (p (lambda (a) (lambda (b) b))))
(define (before n)
  (left ((n (lambda (p) (pair (right p) (next (right p))))) (pair zero zero))))
(display (number (before (power three four)))) (newline)

; Recursion without a name.
(define (fix f) ((lambda (x) (x x)) (lambda (x) (f (lambda (y) ((x x) y))))))
(display ((fix (lambda (self) (lambda (n) (if (< n 2) 1 (* n (self (- n 1))))))) 15)) (newline)
