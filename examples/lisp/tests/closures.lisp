; Procedures remember the variables around them.
(define (make-counter)
  (let ((count 0))
    (lambda () (set! count (+ count 1)) count)))
(define a (make-counter))
(define b (make-counter))
(a) (a)
(display (list (a) (b))) (newline)

(define (adder n) (lambda (x) (+ x n)))
(display (map (adder 10) '(1 2 3))) (newline)

; Two that share a variable.
(define (make-cell value)
  (list (lambda () value) (lambda (new) (set! value new))))
(define cell (make-cell 'before))
((cadr cell) 'after)
(display ((car cell))) (newline)

; A body with definitions of its own, which refer to each other.
(define (sum-of-squares items)
  (define (square x) (* x x))
  (define total 0)
  (for-each (lambda (x) (set! total (+ total (square x)))) items)
  total)
(display (sum-of-squares '(1 2 3 4))) (newline)

; Any number of arguments.
(define (count . items) (length items))
(define (but-first first . rest) rest)
(display (list (count) (count 1 2 3) (but-first 1) (but-first 1 2 3))) (newline)

; let sees the outer names, let* the ones before, letrec all.
(define x 1)
(display (let ((x 2) (y x)) (list x y)))
(display (let* ((x 2) (y x)) (list x y)))
(display (letrec ((even (lambda (n) (if (= n 0) #t (odd (- n 1)))))
                  (odd (lambda (n) (if (= n 0) #f (even (- n 1))))))
           (even 10)))
(newline)
(write (list make-counter car (lambda () 1))) (newline)
