; How many ways there are to put n queens on a board of n by n.
(define (safe? row placed)
  (let loop ((rest placed) (distance 1))
    (cond ((null? rest) #t)
          ((= (car rest) row) #f)
          ((= (abs (- (car rest) row)) distance) #f)
          (else (loop (cdr rest) (+ distance 1))))))
(define (queens n)
  (let place ((column n) (placed '()))
    (if (= column 0)
        1
        (fold (lambda (sum row) (if (safe? row placed) (+ sum (place (- column 1) (cons row placed))) sum)) 0 (iota n)))))
(display (map queens '(1 2 3 4 5 6))) (newline)
